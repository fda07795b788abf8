//! Where names come from: given and family names in many scripts, each with the spelling a log-in name would use.

/// People of one tongue.
pub(super) struct Tongue {
    /// How many in a hundred.
    pub share: u32,
    /// Written family name first, without a space between.
    pub family_first: bool,
    /// What the account's language is set to.
    pub language: &'static str,
    /// As displayed, and in ASCII.
    pub given: &'static [(&'static str, &'static str)],
    /// As displayed, and in ASCII.
    pub family: &'static [(&'static str, &'static str)],
}

/// Every tongue; the shares add up to one hundred.
pub(super) const TONGUES: &[Tongue] = &[
    Tongue {
        share: 62,
        family_first: false,
        language: "en_GB",
        given: &[
            ("Aisling", "aisling"),
            ("Anna", "anna"),
            ("Ben", "ben"),
            ("Björn", "bjoern"),
            ("Chloé", "chloe"),
            ("Daniel", "daniel"),
            ("Elif", "elif"),
            ("Emma", "emma"),
            ("François", "francois"),
            ("Grace", "grace"),
            ("Håkon", "haakon"),
            ("Inês", "ines"),
            ("Jürgen", "juergen"),
            ("Katarzyna", "katarzyna"),
            ("Łukasz", "lukasz"),
            ("María José", "maria"),
            ("Nguyễn", "nguyen"),
            ("Oliver", "oliver"),
            ("Priya", "priya"),
            ("Renée", "renee"),
            ("Sørina", "soerina"),
            ("Thomas", "thomas"),
            ("Ulla", "ulla"),
            ("Věra", "vera"),
            ("Wesley", "wesley"),
            ("Zoë", "zoe"),
        ],
        family: &[
            ("Andersson", "andersson"),
            ("Brontë", "bronte"),
            ("Çelik", "celik"),
            ("D’Angelo", "dangelo"),
            ("Dvořák", "dvorak"),
            ("Eriksen", "eriksen"),
            ("Fernández", "fernandez"),
            ("García Márquez", "garcia"),
            ("Großmann", "grossmann"),
            ("Huber", "huber"),
            ("Ionescu", "ionescu"),
            ("Jørgensen", "joergensen"),
            ("Kovács", "kovacs"),
            ("Lefèvre", "lefevre"),
            ("Müller", "mueller"),
            ("Nowak", "nowak"),
            ("O'Brien", "obrien"),
            ("O'Neill", "oneill"),
            ("Peña", "pena"),
            ("Quinn", "quinn"),
            ("Rossi", "rossi"),
            ("Şahin", "sahin"),
            ("Smith", "smith"),
            ("Þórsdóttir", "thorsdottir"),
            ("van der Berg", "vanderberg"),
            ("Wójcik", "wojcik"),
            ("Yılmaz", "yilmaz"),
            ("Žižek", "zizek"),
        ],
    },
    Tongue {
        share: 8,
        family_first: false,
        language: "ru_RU",
        given: &[("Анна", "anna"), ("Дмитрий", "dmitry"), ("Ольга", "olga"), ("Сергій", "serhii"), ("Юлия", "yulia")],
        family: &[
            ("Иванова", "ivanova"),
            ("Кузнецов", "kuznetsov"),
            ("Шевченко", "shevchenko"),
            ("Попова", "popova"),
            ("Ђорђевић", "djordjevic"),
        ],
    },
    Tongue {
        share: 5,
        family_first: false,
        language: "el_GR",
        given: &[("Γιώργος", "giorgos"), ("Ελένη", "eleni"), ("Νίκος", "nikos"), ("Σοφία", "sofia")],
        family: &[("Παπαδόπουλος", "papadopoulos"), ("Ιωάννου", "ioannou"), ("Δημητρίου", "dimitriou")],
    },
    Tongue {
        share: 6,
        family_first: true,
        language: "zh_CN",
        given: &[("伟", "wei"), ("芳芳", "fangfang"), ("小明", "xiaoming"), ("静", "jing"), ("志强", "zhiqiang")],
        family: &[("王", "wang"), ("李", "li"), ("张", "zhang"), ("陈", "chen"), ("欧阳", "ouyang")],
    },
    Tongue {
        share: 5,
        family_first: true,
        language: "ja_JP",
        given: &[("さくら", "sakura"), ("太郎", "taro"), ("健一", "kenichi"), ("ゆい", "yui")],
        family: &[("田中", "tanaka"), ("佐藤", "sato"), ("渡辺", "watanabe"), ("髙橋", "takahashi")],
    },
    Tongue {
        share: 4,
        family_first: true,
        language: "ko_KR",
        given: &[("민준", "minjun"), ("서연", "seoyeon"), ("지훈", "jihun")],
        family: &[("김", "kim"), ("이", "lee"), ("박", "park")],
    },
    Tongue {
        share: 4,
        family_first: false,
        language: "ar_EG",
        given: &[("محمد", "mohammed"), ("فاطمة", "fatima"), ("يوسف", "youssef")],
        family: &[("الأحمد", "alahmad"), ("حسن", "hassan"), ("المصري", "elmasry")],
    },
    Tongue {
        share: 3,
        family_first: false,
        language: "he_IL",
        given: &[("נועה", "noa"), ("דוד", "david"), ("תמר", "tamar")],
        family: &[("כהן", "cohen"), ("לוי", "levi"), ("מזרחי", "mizrahi")],
    },
    Tongue {
        share: 3,
        family_first: false,
        language: "hi_IN",
        given: &[("आरव", "aarav"), ("दीपिका", "deepika"), ("रोहन", "rohan")],
        family: &[("शर्मा", "sharma"), ("पटेल", "patel"), ("सिंह", "singh")],
    },
];

/// A department: the group its people are in, how it is written in a profile, and the posts it has.
pub(super) const DEPARTMENTS: &[(&str, &str, &[&str])] = &[
    ("dept-engineering", "Engineering", &["Software Engineer", "Senior Engineer", "Test Engineer", "Team Lead"]),
    ("dept-operations", "Operations", &["System Administrator", "Site Reliability Engineer", "Service Desk"]),
    ("dept-sales", "Sales", &["Account Manager", "Sales Engineer", "Key Account Manager"]),
    ("dept-marketing", "Marketing", &["Editor", "Designer", "Campaign Manager"]),
    ("dept-finance", "Finance & Controlling", &["Accountant", "Controller", "Auditor"]),
    ("dept-hr", "Human Resources", &["Recruiter", "HR Partner"]),
    ("dept-legal", "Legal", &["Counsel", "Paralegal"]),
    ("dept-research", "Forschung & Entwicklung", &["Wissenschaftliche Mitarbeiterin", "Doktorand", "Data Scientist"]),
];

/// Where people work.
pub(super) const LOCATIONS: &[&str] = &["Berlin", "Kraków", "Dublin", "São Paulo", "東京", "Αθήνα", "Remote", ""];

/// What projects are called, behind `proj-`.
pub(super) const PROJECTS: &[&str] = &[
    "atlas", "borealis", "cascade", "dorado", "ember", "fjord", "granite", "harbor", "indigo", "juniper", "kestrel",
    "lumen", "meridian", "nimbus", "orchid", "pinnacle", "quartz", "redwood", "saffron", "tundra",
];

/// What service accounts do, behind `svc-`.
pub(super) const SERVICES: &[&str] =
    &["backup", "jenkins", "monitoring", "jira-sync", "export", "search", "mailer", "wallboard"];

/// The directories accounts come from, the usual one first.
pub(super) const DIRECTORIES: &[&str] = &["Corporate LDAP", "Crowd", "Confluence Internal Directory"];
