//! What the mirror tells of both sites together.

use super::{SHOWN, Story, number};
use crate::cli::Failure;
use crate::cli::demo::page::{columns, count};
use crate::cli::demo::{CLOUD, SITE, questions};
use crate::cli::describe::thousands;
use crate::render::{Table, visible};

impl Story<'_> {
    /// Who is idle here and active on Cloud.
    pub(super) async fn across(&mut self) -> Result<(), Failure> {
        let first = self.walks_of(CLOUD).await?.first;
        let pairs = self.table(questions::PAIRS, &[&self.as_of.to_sql()]).await?;
        let joined = pairs.rows.len();
        let days = |row: &[_], name: &str| {
            let place = pairs.columns.iter().position(|column| column.name == name);
            place.and_then(|place| number(&row[place]))
        };
        let mut there = pairs.rows.clone();
        there.retain(|row| days(row, "days there").is_some_and(|days| days < 30));
        let active = there.len();
        let never = there.iter().filter(|row| days(row, "days here").is_none()).count();
        let mut idle = there;
        idle.retain(|row| days(row, "days here").is_some_and(|days| days >= 30));
        let longer = idle.iter().filter(|row| days(row, "days here") >= Some(60)).count();

        self.page.heading("Idle here, active there");
        self.page.say(&format!(
            "People move to Confluence Cloud: since {} the site `{CLOUD}` is mirrored beside `{SITE}`, in the same \
             database. Rollbook merges no identities; what joins them here is an e-mail address that one active account \
             of each site has, and no other. It joins {joined} of the {} paid seats of `{SITE}` to an account on Cloud, \
             {active} of them to one that was active there in the last 30 days. Of these, seats whose owner last logged \
             in here 30 days ago or more: {}; 60 days ago or more: {longer}; never: {never}.{}",
            &first[..10],
            thousands(self.seats as u64),
            idle.len(),
            if idle.len() > SHOWN { format!(" The {SHOWN} longest idle here:") } else { String::new() }
        ));
        if !idle.is_empty() {
            let names = ["name here", "name there", "last log-in here", "last active there", "days here"];
            self.page.table(&columns(&Table { columns: pairs.columns.clone(), rows: idle }, &names, SHOWN));
        }
        self.page.line("");
        self.invited().await?;
        self.renamed_groups().await
    }

    /// Who was invited and never came, and of whom that cannot be told.
    async fn invited(&mut self) -> Result<(), Failure> {
        let told = sqlx::query_as::<_, (i64, i64, i64, i64, i64, i64, i64, i64)>(questions::INVITED);
        let told = told.bind(self.as_of.to_sql()).fetch_one(&mut *self.mirror).await?;
        let (accounts, apps, never, long_ago, unknown, guests, unseen, hidden) = told;
        self.page.say(&format!(
            "`{CLOUD}` has {}, apps among them: {apps}. Invited or added, and never active, as the organization says: {never} \
             (accounts of 30 days or older: {long_ago}). Of whom the organization does not say whether they ever were, \
             which is not the same: {unknown} (guests: {guests}). An account that never showed an e-mail address is \
             joined to nobody: {unseen}. One that hides it by now is still known by it: {hidden}.",
            count(accounts as usize, "active account"),
        ));
        Ok(())
    }

    async fn renamed_groups(&mut self) -> Result<(), Failure> {
        let renamed = sqlx::query_as::<_, (String, String, String, i64)>(questions::RENAMED_GROUPS);
        for (at, before, after, members) in renamed.fetch_all(&mut *self.mirror).await? {
            self.page.line("");
            self.page.say(&format!(
                "A walk of {} found the group {} of `{CLOUD}` renamed {}: its id is the same, so it is the same group, \
                 with {} now.",
                &at[..10],
                visible(&before),
                visible(&after),
                count(members as usize, "member"),
            ));
        }
        Ok(())
    }
}
