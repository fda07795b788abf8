# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_rollbook_global_optspecs
    string join \n config= database= log-format= v/verbose q/quiet h/help V/version
end

function __fish_rollbook_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_rollbook_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_rollbook_using_subcommand
    set -l cmd (__fish_rollbook_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c rollbook -n "__fish_rollbook_needs_command" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_needs_command" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_needs_command" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_needs_command" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_needs_command" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_needs_command" -s h -l help -d 'Print help'
complete -c rollbook -n "__fish_rollbook_needs_command" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_needs_command" -f -a "demo" -d 'Mirror a simulated year on the way from a Data Center to Confluence Cloud, and tell what it found'
complete -c rollbook -n "__fish_rollbook_needs_command" -f -a "simulate" -d 'Run the simulated Confluence alone'
complete -c rollbook -n "__fish_rollbook_needs_command" -f -a "init" -d 'Write a commented configuration file'
complete -c rollbook -n "__fish_rollbook_needs_command" -f -a "check-config" -d 'Validate the configuration and print the effective one; asks no site'
complete -c rollbook -n "__fish_rollbook_needs_command" -f -a "doctor" -d 'Ask every site for a little of all that is needed, with the real credentials, and check this machine'
complete -c rollbook -n "__fish_rollbook_needs_command" -f -a "sync" -d 'Walk each site once, all of them side by side'
complete -c rollbook -n "__fish_rollbook_needs_command" -f -a "daemon" -d 'Walk the sites on their schedules, write the exports, and keep house, until SIGTERM'
complete -c rollbook -n "__fish_rollbook_needs_command" -f -a "serve" -d 'Answer pages, reports and the upstream interfaces from the mirror until SIGTERM; walks nothing'
complete -c rollbook -n "__fish_rollbook_needs_command" -f -a "status" -d 'How fresh each site\'s mirror is, and what is wrong'
complete -c rollbook -n "__fish_rollbook_needs_command" -f -a "walks" -d 'The walks, and what each found'
complete -c rollbook -n "__fish_rollbook_needs_command" -f -a "report" -d 'Answer a named question; without a name, list the questions'
complete -c rollbook -n "__fish_rollbook_needs_command" -f -a "export" -d 'Whole tables, to files'
complete -c rollbook -n "__fish_rollbook_needs_command" -f -a "access" -d 'Who may use a Cloud site, by e-mail'
complete -c rollbook -n "__fish_rollbook_needs_command" -f -a "history" -d 'Everything recorded about one user or group'
complete -c rollbook -n "__fish_rollbook_needs_command" -f -a "sql" -d 'Read-only SQL on the mirror'
complete -c rollbook -n "__fish_rollbook_needs_command" -f -a "db" -d 'Look after the database file'
complete -c rollbook -n "__fish_rollbook_needs_command" -f -a "completions" -d 'Print the completions for a shell'
complete -c rollbook -n "__fish_rollbook_needs_command" -f -a "man" -d 'Print a man page, or write all of them'
complete -c rollbook -n "__fish_rollbook_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rollbook -n "__fish_rollbook_using_subcommand demo" -l users -d 'About how many accounts the simulated Data Center begins with' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand demo" -l days -d 'How many days pass; the last one is yesterday' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand demo" -l seed -d 'The same seed gives the same year' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand demo" -l dir -d 'The folder for what the demo makes: a new one, an empty one, or that of an earlier demo' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand demo" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand demo" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand demo" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand demo" -l serve -d 'Keep the simulated sites up afterwards, until Ctrl-C'
complete -c rollbook -n "__fish_rollbook_using_subcommand demo" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand demo" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand demo" -s h -l help -d 'Print help'
complete -c rollbook -n "__fish_rollbook_using_subcommand demo" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -l listen -d 'Where to listen; loopback only' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -l users -d 'How many accounts there are at the start [default: 400, with --fast 100000]' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -l groups -d 'How many groups there are; with --fast only, the evolving site makes its own [default: 2000]' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -l seed -d 'The same seed gives the same site' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -l context-path -d 'The path below which Confluence lives; "" for none [default: /confluence, with --cloud always /wiki]' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -l page-cap -d 'The most rows the server puts on a page, whatever is asked' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -l fault -d 'Misbehave: KIND[=ARG][@ENDPOINT[/SUBJECT][:N[+]]], repeatable. KIND is one of: instead of the right answer, status=CODE[;HEADER=VALUE…], unauthorized=REASON, redirect=URL, login-redirect, html-login, invalid-json; as another server would, anonymous, cap-pages=ROWS, ignore-max-results, ignore-start-at, repeat-page, old-plugin; a wrong body, empty-list, odd-status, no-results, constant-next, total=N, total=+N, total=-N, total=moves, and in one record of it deep-json, nul-name, huge-name, wrong-type=FIELD, missing=FIELD, same-key; a wrong delivery, slow=MILLISECONDS, hang, reset, truncate, truncate-chunked, truncate-close, trickle[=MILLISECONDS a byte], trickle-forever[=MILLISECONDS], endless-rows, endless-blanks, gzip-bomb[=MIB]. ENDPOINT is users, user, groups, members, export-search, export-file, export-download or tokens, with --cloud search, cloud-groups, cloud-members, users-bulk, access-check, access-invite, org-users, org-last-active or org-keys; without it every request is meant. SUBJECT is a user\'s, a group\'s or a file\'s name. :3 strikes the third such request alone, :3+ from the third on. Examples: status=503;Retry-After=5@members:2, empty-list@users, status=500@members/proj-atlas' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -l user-export -d 'Install Confluence User Export, in a release that does not tell the last log-in or in one that does' -r -f -a "without-last-login\t''
with-last-login\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -l day-seconds -d 'A day passes at the site every so many seconds; 0 is never' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -l username -d 'The account to log in with [default: audit, with --cloud audit@example.com]' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -l password -d 'Its password, or its API token for the Cloud site\'s own address' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -l token -d 'Its personal access token, or its token for the gateway of Cloud' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -l fast -d 'A large site that never changes and is served from memory, for measurements'
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -l cloud -d 'A Confluence Cloud site with its organization instead of a Data Center'
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -l no-organization -d 'Without the organization and its API'
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -l gateway -d 'Print a configuration for the gateway, which takes the token, instead of the site\'s own address'
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -s h -l help -d 'Print help'
complete -c rollbook -n "__fish_rollbook_using_subcommand simulate" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand init" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand init" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand init" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand init" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand init" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand init" -s h -l help -d 'Print help'
complete -c rollbook -n "__fish_rollbook_using_subcommand init" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand check-config" -l format -d 'How the result is written' -r -f -a "text\t'One `key = value   # origin` line a key, then warnings and firing times'
json\t'One object: config, warnings, schedules'"
complete -c rollbook -n "__fish_rollbook_using_subcommand check-config" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand check-config" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand check-config" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand check-config" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand check-config" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand check-config" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollbook -n "__fish_rollbook_using_subcommand check-config" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand doctor" -l site -d 'Only this site (repeatable) [default: every site]' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand doctor" -l format -d 'How the result is written' -r -f -a "table\t'For people: aligned columns'
csv\t'RFC 4180 with a header'
json\t'One JSON document'
ndjson\t'One JSON object a line'
xml\t'XML 1.0, an element a row'
xlsx\t'A workbook for Excel and LibreOffice'
parquet\t'Apache Parquet, with types'
html\t'One page that stands alone'"
complete -c rollbook -n "__fish_rollbook_using_subcommand doctor" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand doctor" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand doctor" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand doctor" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand doctor" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollbook -n "__fish_rollbook_using_subcommand doctor" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand sync" -l site -d 'Only this site (repeatable) [default: every site]' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand sync" -l changes -d 'Show so many changes of each site' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand sync" -l format -d 'How the result is written' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand sync" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand sync" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand sync" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand sync" -l dry-run -d 'Read the sites and say what would change; write nothing'
complete -c rollbook -n "__fish_rollbook_using_subcommand sync" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand sync" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand sync" -s h -l help -d 'Print help'
complete -c rollbook -n "__fish_rollbook_using_subcommand sync" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand daemon" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand daemon" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand daemon" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand daemon" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand daemon" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand daemon" -s h -l help -d 'Print help'
complete -c rollbook -n "__fish_rollbook_using_subcommand daemon" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand serve" -l listen -d 'Where to listen, instead of `http.listen`: IP:PORT; port 0 is one of the system\'s choice' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand serve" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand serve" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand serve" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand serve" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand serve" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand serve" -s h -l help -d 'Print help'
complete -c rollbook -n "__fish_rollbook_using_subcommand serve" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand status" -l site -d 'Only this site (repeatable); the exit code speaks of those named [default: every site]' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand status" -l format -d 'How the result is written' -r -f -a "table\t'For people: aligned columns'
csv\t'RFC 4180 with a header'
json\t'One JSON document'
ndjson\t'One JSON object a line'
xml\t'XML 1.0, an element a row'
xlsx\t'A workbook for Excel and LibreOffice'
parquet\t'Apache Parquet, with types'
html\t'One page that stands alone'"
complete -c rollbook -n "__fish_rollbook_using_subcommand status" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand status" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand status" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand status" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand status" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollbook -n "__fish_rollbook_using_subcommand status" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and not __fish_seen_subcommand_from list show diff approve reject help" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and not __fish_seen_subcommand_from list show diff approve reject help" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and not __fish_seen_subcommand_from list show diff approve reject help" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and not __fish_seen_subcommand_from list show diff approve reject help" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and not __fish_seen_subcommand_from list show diff approve reject help" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and not __fish_seen_subcommand_from list show diff approve reject help" -s h -l help -d 'Print help'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and not __fish_seen_subcommand_from list show diff approve reject help" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and not __fish_seen_subcommand_from list show diff approve reject help" -f -a "list" -d 'The newest walks'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and not __fish_seen_subcommand_from list show diff approve reject help" -f -a "show" -d 'One walk: its figures, its coverage, its changes'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and not __fish_seen_subcommand_from list show diff approve reject help" -f -a "diff" -d 'What a held walk would take away'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and not __fish_seen_subcommand_from list show diff approve reject help" -f -a "approve" -d 'Apply exactly what `diff` shows, dated now'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and not __fish_seen_subcommand_from list show diff approve reject help" -f -a "reject" -d 'Drop what `diff` shows; the next walk judges afresh'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and not __fish_seen_subcommand_from list show diff approve reject help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from list" -l site -d 'Only this site' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from list" -l limit -d 'The newest so many' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from list" -l format -d 'How the result is written' -r -f -a "table\t'For people: aligned columns'
csv\t'RFC 4180 with a header'
json\t'One JSON document'
ndjson\t'One JSON object a line'
xml\t'XML 1.0, an element a row'
xlsx\t'A workbook for Excel and LibreOffice'
parquet\t'Apache Parquet, with types'
html\t'One page that stands alone'"
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from list" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from list" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from list" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from show" -l format -d 'How the result is written' -r -f -a "table\t'For people: aligned columns'
csv\t'RFC 4180 with a header'
json\t'One JSON document'
ndjson\t'One JSON object a line'
xml\t'XML 1.0, an element a row'
xlsx\t'A workbook for Excel and LibreOffice'
parquet\t'Apache Parquet, with types'
html\t'One page that stands alone'"
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from show" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from show" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from show" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from show" -l all -d 'Show every change, not the first 50'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from diff" -l format -d 'How the result is written' -r -f -a "table\t'For people: aligned columns'
csv\t'RFC 4180 with a header'
json\t'One JSON document'
ndjson\t'One JSON object a line'
xml\t'XML 1.0, an element a row'
xlsx\t'A workbook for Excel and LibreOffice'
parquet\t'Apache Parquet, with types'
html\t'One page that stands alone'"
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from diff" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from diff" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from diff" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from diff" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from diff" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from diff" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from approve" -l reason -d 'Why, for the record' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from approve" -l by -d 'Who decides, for the record [default: the user who runs the command]' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from approve" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from approve" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from approve" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from approve" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from approve" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from approve" -s h -l help -d 'Print help'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from approve" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from reject" -l reason -d 'Why, for the record' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from reject" -l by -d 'Who decides, for the record [default: the user who runs the command]' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from reject" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from reject" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from reject" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from reject" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from reject" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from reject" -s h -l help -d 'Print help'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from reject" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from help" -f -a "list" -d 'The newest walks'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from help" -f -a "show" -d 'One walk: its figures, its coverage, its changes'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from help" -f -a "diff" -d 'What a held walk would take away'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from help" -f -a "approve" -d 'Apply exactly what `diff` shows, dated now'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from help" -f -a "reject" -d 'Drop what `diff` shows; the next walk judges afresh'
complete -c rollbook -n "__fish_rollbook_using_subcommand walks; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rollbook -n "__fish_rollbook_using_subcommand report" -l site -d 'Only this site (repeatable)' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand report" -l as-of -d 'The state as it was known at this moment: RFC 3339, or a date for the end of that day, UTC [default: now]' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand report" -l param -d 'A parameter of the report, as in days=180 (repeatable)' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand report" -l timeout -d 'Stop after so long: 90s, 5m, or plain seconds [default: 60s for a report of your own, else none]' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand report" -l format -d 'How the result is written' -r -f -a "table\t'For people: aligned columns'
csv\t'RFC 4180 with a header'
json\t'One JSON document'
ndjson\t'One JSON object a line'
xml\t'XML 1.0, an element a row'
xlsx\t'A workbook for Excel and LibreOffice'
parquet\t'Apache Parquet, with types'
html\t'One page that stands alone'"
complete -c rollbook -n "__fish_rollbook_using_subcommand report" -l output -d 'Write the result to this file, replacing it once it is whole [default: -, standard output]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand report" -l verify -d 'Check the file that this manifest is about, and whether the mirror still gives the same answer' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand report" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand report" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand report" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand report" -l raw -d 'Write CSV cells as they are, even those that a spreadsheet would take for a formula; only NUL stays U+FFFD'
complete -c rollbook -n "__fish_rollbook_using_subcommand report" -l manifest -d 'Also write FILE.manifest.json: what was asked, the walks it rests on, the number of rows, the SHA-256 of the file'
complete -c rollbook -n "__fish_rollbook_using_subcommand report" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand report" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollbook -n "__fish_rollbook_using_subcommand report" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and not __fish_seen_subcommand_from users groups memberships changes help" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and not __fish_seen_subcommand_from users groups memberships changes help" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and not __fish_seen_subcommand_from users groups memberships changes help" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and not __fish_seen_subcommand_from users groups memberships changes help" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and not __fish_seen_subcommand_from users groups memberships changes help" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and not __fish_seen_subcommand_from users groups memberships changes help" -s h -l help -d 'Print help'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and not __fish_seen_subcommand_from users groups memberships changes help" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and not __fish_seen_subcommand_from users groups memberships changes help" -f -a "users" -d 'The users'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and not __fish_seen_subcommand_from users groups memberships changes help" -f -a "groups" -d 'The groups, those that were removed too'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and not __fish_seen_subcommand_from users groups memberships changes help" -f -a "memberships" -d 'Who was in which group, and when'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and not __fish_seen_subcommand_from users groups memberships changes help" -f -a "changes" -d 'The feed of all changes'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and not __fish_seen_subcommand_from users groups memberships changes help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from users" -l site -d 'Only this site (repeatable)' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from users" -l as-of -d 'The table as it stood at this moment: RFC 3339, or a date for the end of that day, UTC [default: now]' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from users" -l format -d 'How the result is written' -r -f -a "table\t'For people: aligned columns'
csv\t'RFC 4180 with a header'
json\t'One JSON document'
ndjson\t'One JSON object a line'
xml\t'XML 1.0, an element a row'
xlsx\t'A workbook for Excel and LibreOffice'
parquet\t'Apache Parquet, with types'
html\t'One page that stands alone'"
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from users" -l output -d 'Write the result to this file, replacing it once it is whole [default: -, standard output]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from users" -l layout -d 'Instead of the table, the fields, names and dates of Confluence User Export, of one site; json, xml, csv or xlsx' -r -f -a "user-export\t'Those of the app Confluence User Export'"
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from users" -l search -d 'Only users with this in the name, the full name or the e-mail address' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from users" -l offset -d 'Pass over so many of the users found' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from users" -l page-size -d 'Write at most so many users' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from users" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from users" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from users" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from users" -l raw -d 'Write CSV cells as they are, even those that a spreadsheet would take for a formula; only NUL stays U+FFFD'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from users" -l manifest -d 'Also write FILE.manifest.json: what was asked, the walks it rests on, the number of rows, the SHA-256 of the file'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from users" -l active -d 'Only users whose account is active; with --inactive both, as without either'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from users" -l inactive -d 'Only users whose account is not active; whom no source says it of belongs to both'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from users" -l from-site -d 'Have the site\'s app Confluence User Export write the file (json, xml, csv, xlsx), from all users it has, active or not'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from users" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from users" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from users" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from users" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from groups" -l site -d 'Only this site (repeatable)' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from groups" -l as-of -d 'The table as it stood at this moment: RFC 3339, or a date for the end of that day, UTC [default: now]' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from groups" -l format -d 'How the result is written' -r -f -a "table\t'For people: aligned columns'
csv\t'RFC 4180 with a header'
json\t'One JSON document'
ndjson\t'One JSON object a line'
xml\t'XML 1.0, an element a row'
xlsx\t'A workbook for Excel and LibreOffice'
parquet\t'Apache Parquet, with types'
html\t'One page that stands alone'"
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from groups" -l output -d 'Write the result to this file, replacing it once it is whole [default: -, standard output]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from groups" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from groups" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from groups" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from groups" -l raw -d 'Write CSV cells as they are, even those that a spreadsheet would take for a formula; only NUL stays U+FFFD'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from groups" -l manifest -d 'Also write FILE.manifest.json: what was asked, the walks it rests on, the number of rows, the SHA-256 of the file'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from groups" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from groups" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from groups" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from groups" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from memberships" -l site -d 'Only this site (repeatable)' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from memberships" -l as-of -d 'The table as it stood at this moment: RFC 3339, or a date for the end of that day, UTC [default: now]' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from memberships" -l format -d 'How the result is written' -r -f -a "table\t'For people: aligned columns'
csv\t'RFC 4180 with a header'
json\t'One JSON document'
ndjson\t'One JSON object a line'
xml\t'XML 1.0, an element a row'
xlsx\t'A workbook for Excel and LibreOffice'
parquet\t'Apache Parquet, with types'
html\t'One page that stands alone'"
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from memberships" -l output -d 'Write the result to this file, replacing it once it is whole [default: -, standard output]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from memberships" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from memberships" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from memberships" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from memberships" -l raw -d 'Write CSV cells as they are, even those that a spreadsheet would take for a formula; only NUL stays U+FFFD'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from memberships" -l manifest -d 'Also write FILE.manifest.json: what was asked, the walks it rests on, the number of rows, the SHA-256 of the file'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from memberships" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from memberships" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from memberships" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from memberships" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from changes" -l site -d 'Only this site (repeatable)' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from changes" -l as-of -d 'The table as it stood at this moment: RFC 3339, or a date for the end of that day, UTC [default: now]' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from changes" -l format -d 'How the result is written' -r -f -a "table\t'For people: aligned columns'
csv\t'RFC 4180 with a header'
json\t'One JSON document'
ndjson\t'One JSON object a line'
xml\t'XML 1.0, an element a row'
xlsx\t'A workbook for Excel and LibreOffice'
parquet\t'Apache Parquet, with types'
html\t'One page that stands alone'"
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from changes" -l output -d 'Write the result to this file, replacing it once it is whole [default: -, standard output]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from changes" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from changes" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from changes" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from changes" -l raw -d 'Write CSV cells as they are, even those that a spreadsheet would take for a formula; only NUL stays U+FFFD'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from changes" -l manifest -d 'Also write FILE.manifest.json: what was asked, the walks it rests on, the number of rows, the SHA-256 of the file'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from changes" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from changes" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from changes" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from changes" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from help" -f -a "users" -d 'The users'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from help" -f -a "groups" -d 'The groups, those that were removed too'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from help" -f -a "memberships" -d 'Who was in which group, and when'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from help" -f -a "changes" -d 'The feed of all changes'
complete -c rollbook -n "__fish_rollbook_using_subcommand export; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and not __fish_seen_subcommand_from check help" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and not __fish_seen_subcommand_from check help" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and not __fish_seen_subcommand_from check help" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and not __fish_seen_subcommand_from check help" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and not __fish_seen_subcommand_from check help" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and not __fish_seen_subcommand_from check help" -s h -l help -d 'Print help'
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and not __fish_seen_subcommand_from check help" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and not __fish_seen_subcommand_from check help" -f -a "check" -d 'Ask the site which addresses have access; changes nothing'
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and not __fish_seen_subcommand_from check help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and __fish_seen_subcommand_from check" -l file -d 'Further addresses, one a line; - is standard input. Blank lines, and those that begin with #, are passed over' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and __fish_seen_subcommand_from check" -l site -d 'The site [default: the only one of kind cloud]' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and __fish_seen_subcommand_from check" -l format -d 'How the result is written' -r -f -a "table\t'For people: aligned columns'
csv\t'RFC 4180 with a header'
json\t'One JSON document'
ndjson\t'One JSON object a line'
xml\t'XML 1.0, an element a row'
xlsx\t'A workbook for Excel and LibreOffice'
parquet\t'Apache Parquet, with types'
html\t'One page that stands alone'"
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and __fish_seen_subcommand_from check" -l output -d 'Write the result to this file, replacing it once it is whole [default: -, standard output]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and __fish_seen_subcommand_from check" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and __fish_seen_subcommand_from check" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and __fish_seen_subcommand_from check" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and __fish_seen_subcommand_from check" -l raw -d 'Write CSV cells as they are, even those that a spreadsheet would take for a formula; only NUL stays U+FFFD'
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and __fish_seen_subcommand_from check" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and __fish_seen_subcommand_from help" -f -a "check" -d 'Ask the site which addresses have access; changes nothing'
complete -c rollbook -n "__fish_rollbook_using_subcommand access; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and not __fish_seen_subcommand_from user group help" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and not __fish_seen_subcommand_from user group help" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and not __fish_seen_subcommand_from user group help" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and not __fish_seen_subcommand_from user group help" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and not __fish_seen_subcommand_from user group help" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and not __fish_seen_subcommand_from user group help" -s h -l help -d 'Print help'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and not __fish_seen_subcommand_from user group help" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and not __fish_seen_subcommand_from user group help" -f -a "user" -d 'One user, by key, or by a name it has or once had'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and not __fish_seen_subcommand_from user group help" -f -a "group" -d 'One group, by name'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and not __fish_seen_subcommand_from user group help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from user" -l site -d 'Only at this site' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from user" -l format -d 'How the result is written' -r -f -a "table\t'For people: aligned columns'
csv\t'RFC 4180 with a header'
json\t'One JSON document'
ndjson\t'One JSON object a line'
xml\t'XML 1.0, an element a row'
xlsx\t'A workbook for Excel and LibreOffice'
parquet\t'Apache Parquet, with types'
html\t'One page that stands alone'"
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from user" -l output -d 'Write the result to this file, replacing it once it is whole [default: -, standard output]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from user" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from user" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from user" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from user" -l all -d 'Show every log-in and every member found at first, however many'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from user" -l raw -d 'Write CSV cells as they are, even those that a spreadsheet would take for a formula; only NUL stays U+FFFD'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from user" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from user" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from user" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from user" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from group" -l site -d 'Only at this site' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from group" -l format -d 'How the result is written' -r -f -a "table\t'For people: aligned columns'
csv\t'RFC 4180 with a header'
json\t'One JSON document'
ndjson\t'One JSON object a line'
xml\t'XML 1.0, an element a row'
xlsx\t'A workbook for Excel and LibreOffice'
parquet\t'Apache Parquet, with types'
html\t'One page that stands alone'"
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from group" -l output -d 'Write the result to this file, replacing it once it is whole [default: -, standard output]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from group" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from group" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from group" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from group" -l all -d 'Show every log-in and every member found at first, however many'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from group" -l raw -d 'Write CSV cells as they are, even those that a spreadsheet would take for a formula; only NUL stays U+FFFD'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from group" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from group" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from group" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from group" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from help" -f -a "user" -d 'One user, by key, or by a name it has or once had'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from help" -f -a "group" -d 'One group, by name'
complete -c rollbook -n "__fish_rollbook_using_subcommand history; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rollbook -n "__fish_rollbook_using_subcommand sql" -l timeout -d 'Stop after so long: 90s, 5m, or plain seconds' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand sql" -l limit -d 'Write at most so many rows' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand sql" -l format -d 'How the result is written' -r -f -a "table\t'For people: aligned columns'
csv\t'RFC 4180 with a header'
json\t'One JSON document'
ndjson\t'One JSON object a line'
xml\t'XML 1.0, an element a row'
xlsx\t'A workbook for Excel and LibreOffice'
parquet\t'Apache Parquet, with types'
html\t'One page that stands alone'"
complete -c rollbook -n "__fish_rollbook_using_subcommand sql" -l output -d 'Write the result to this file, replacing it once it is whole [default: -, standard output]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand sql" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand sql" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand sql" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand sql" -l raw -d 'Write CSV cells as they are, even those that a spreadsheet would take for a formula; only NUL stays U+FFFD'
complete -c rollbook -n "__fish_rollbook_using_subcommand sql" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand sql" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand sql" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollbook -n "__fish_rollbook_using_subcommand sql" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and not __fish_seen_subcommand_from backup verify prune forget help" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and not __fish_seen_subcommand_from backup verify prune forget help" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and not __fish_seen_subcommand_from backup verify prune forget help" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and not __fish_seen_subcommand_from backup verify prune forget help" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and not __fish_seen_subcommand_from backup verify prune forget help" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and not __fish_seen_subcommand_from backup verify prune forget help" -s h -l help -d 'Print help'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and not __fish_seen_subcommand_from backup verify prune forget help" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and not __fish_seen_subcommand_from backup verify prune forget help" -f -a "backup" -d 'Copy the database while it is in use, verify the copy, and put it in place'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and not __fish_seen_subcommand_from backup verify prune forget help" -f -a "verify" -d 'Check that the file is whole and that what it says agrees with itself; writes nothing'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and not __fish_seen_subcommand_from backup verify prune forget help" -f -a "prune" -d 'Remove what ended long ago; what is so now, and the walks, stay'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and not __fish_seen_subcommand_from backup verify prune forget help" -f -a "forget" -d 'Erase one person everywhere in the database, and search its files for what may be left'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and not __fish_seen_subcommand_from backup verify prune forget help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from backup" -l format -d 'How the result is written' -r -f -a "table\t'For people: aligned columns'
csv\t'RFC 4180 with a header'
json\t'One JSON document'
ndjson\t'One JSON object a line'
xml\t'XML 1.0, an element a row'
xlsx\t'A workbook for Excel and LibreOffice'
parquet\t'Apache Parquet, with types'
html\t'One page that stands alone'"
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from backup" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from backup" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from backup" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from backup" -l force -d 'Replace FILE, once the copy is whole and verified'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from backup" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from backup" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from backup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from backup" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from verify" -l format -d 'How the result is written' -r -f -a "table\t'For people: aligned columns'
csv\t'RFC 4180 with a header'
json\t'One JSON document'
ndjson\t'One JSON object a line'
xml\t'XML 1.0, an element a row'
xlsx\t'A workbook for Excel and LibreOffice'
parquet\t'Apache Parquet, with types'
html\t'One page that stands alone'"
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from verify" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from verify" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from verify" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from verify" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from prune" -l older-than -d 'Remove what ended so long ago, or longer: 730d [default: retention.history]' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from prune" -l format -d 'How the result is written' -r -f -a "table\t'For people: aligned columns'
csv\t'RFC 4180 with a header'
json\t'One JSON document'
ndjson\t'One JSON object a line'
xml\t'XML 1.0, an element a row'
xlsx\t'A workbook for Excel and LibreOffice'
parquet\t'Apache Parquet, with types'
html\t'One page that stands alone'"
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from prune" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from prune" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from prune" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from prune" -l dry-run -d 'Say what would be removed, and remove nothing'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from prune" -l vacuum -d 'Write the file anew afterwards, without free pages: takes as much room again while it lasts, and nobody can write'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from prune" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from prune" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from prune" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from forget" -l site -d 'Only at this site' -r
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from forget" -l format -d 'How the result is written' -r -f -a "table\t'For people: aligned columns'
csv\t'RFC 4180 with a header'
json\t'One JSON document'
ndjson\t'One JSON object a line'
xml\t'XML 1.0, an element a row'
xlsx\t'A workbook for Excel and LibreOffice'
parquet\t'Apache Parquet, with types'
html\t'One page that stands alone'"
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from forget" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from forget" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from forget" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from forget" -l dry-run -d 'Say what would be erased, and erase nothing'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from forget" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from forget" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from forget" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from forget" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from help" -f -a "backup" -d 'Copy the database while it is in use, verify the copy, and put it in place'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Check that the file is whole and that what it says agrees with itself; writes nothing'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from help" -f -a "prune" -d 'Remove what ended long ago; what is so now, and the walks, stay'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from help" -f -a "forget" -d 'Erase one person everywhere in the database, and search its files for what may be left'
complete -c rollbook -n "__fish_rollbook_using_subcommand db; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rollbook -n "__fish_rollbook_using_subcommand completions" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand completions" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand completions" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand completions" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand completions" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand completions" -s h -l help -d 'Print help'
complete -c rollbook -n "__fish_rollbook_using_subcommand completions" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand man" -l output -d 'Write every page into this folder, which is made where it is not there' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand man" -l config -d 'The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand man" -l database -d 'The database file, instead of the one the configuration names' -r -F
complete -c rollbook -n "__fish_rollbook_using_subcommand man" -l log-format -d 'How log lines are written, instead of what the configuration says' -r -f -a "text\t''
json\t''"
complete -c rollbook -n "__fish_rollbook_using_subcommand man" -s v -l verbose -d 'Log more: -v what is done, -vv every request that fails, -vvv everything'
complete -c rollbook -n "__fish_rollbook_using_subcommand man" -s q -l quiet -d 'Log errors only'
complete -c rollbook -n "__fish_rollbook_using_subcommand man" -s h -l help -d 'Print help'
complete -c rollbook -n "__fish_rollbook_using_subcommand man" -s V -l version -d 'Print version'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and not __fish_seen_subcommand_from demo simulate init check-config doctor sync daemon serve status walks report export access history sql db completions man help" -f -a "demo" -d 'Mirror a simulated year on the way from a Data Center to Confluence Cloud, and tell what it found'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and not __fish_seen_subcommand_from demo simulate init check-config doctor sync daemon serve status walks report export access history sql db completions man help" -f -a "simulate" -d 'Run the simulated Confluence alone'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and not __fish_seen_subcommand_from demo simulate init check-config doctor sync daemon serve status walks report export access history sql db completions man help" -f -a "init" -d 'Write a commented configuration file'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and not __fish_seen_subcommand_from demo simulate init check-config doctor sync daemon serve status walks report export access history sql db completions man help" -f -a "check-config" -d 'Validate the configuration and print the effective one; asks no site'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and not __fish_seen_subcommand_from demo simulate init check-config doctor sync daemon serve status walks report export access history sql db completions man help" -f -a "doctor" -d 'Ask every site for a little of all that is needed, with the real credentials, and check this machine'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and not __fish_seen_subcommand_from demo simulate init check-config doctor sync daemon serve status walks report export access history sql db completions man help" -f -a "sync" -d 'Walk each site once, all of them side by side'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and not __fish_seen_subcommand_from demo simulate init check-config doctor sync daemon serve status walks report export access history sql db completions man help" -f -a "daemon" -d 'Walk the sites on their schedules, write the exports, and keep house, until SIGTERM'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and not __fish_seen_subcommand_from demo simulate init check-config doctor sync daemon serve status walks report export access history sql db completions man help" -f -a "serve" -d 'Answer pages, reports and the upstream interfaces from the mirror until SIGTERM; walks nothing'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and not __fish_seen_subcommand_from demo simulate init check-config doctor sync daemon serve status walks report export access history sql db completions man help" -f -a "status" -d 'How fresh each site\'s mirror is, and what is wrong'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and not __fish_seen_subcommand_from demo simulate init check-config doctor sync daemon serve status walks report export access history sql db completions man help" -f -a "walks" -d 'The walks, and what each found'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and not __fish_seen_subcommand_from demo simulate init check-config doctor sync daemon serve status walks report export access history sql db completions man help" -f -a "report" -d 'Answer a named question; without a name, list the questions'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and not __fish_seen_subcommand_from demo simulate init check-config doctor sync daemon serve status walks report export access history sql db completions man help" -f -a "export" -d 'Whole tables, to files'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and not __fish_seen_subcommand_from demo simulate init check-config doctor sync daemon serve status walks report export access history sql db completions man help" -f -a "access" -d 'Who may use a Cloud site, by e-mail'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and not __fish_seen_subcommand_from demo simulate init check-config doctor sync daemon serve status walks report export access history sql db completions man help" -f -a "history" -d 'Everything recorded about one user or group'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and not __fish_seen_subcommand_from demo simulate init check-config doctor sync daemon serve status walks report export access history sql db completions man help" -f -a "sql" -d 'Read-only SQL on the mirror'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and not __fish_seen_subcommand_from demo simulate init check-config doctor sync daemon serve status walks report export access history sql db completions man help" -f -a "db" -d 'Look after the database file'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and not __fish_seen_subcommand_from demo simulate init check-config doctor sync daemon serve status walks report export access history sql db completions man help" -f -a "completions" -d 'Print the completions for a shell'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and not __fish_seen_subcommand_from demo simulate init check-config doctor sync daemon serve status walks report export access history sql db completions man help" -f -a "man" -d 'Print a man page, or write all of them'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and not __fish_seen_subcommand_from demo simulate init check-config doctor sync daemon serve status walks report export access history sql db completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and __fish_seen_subcommand_from walks" -f -a "list" -d 'The newest walks'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and __fish_seen_subcommand_from walks" -f -a "show" -d 'One walk: its figures, its coverage, its changes'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and __fish_seen_subcommand_from walks" -f -a "diff" -d 'What a held walk would take away'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and __fish_seen_subcommand_from walks" -f -a "approve" -d 'Apply exactly what `diff` shows, dated now'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and __fish_seen_subcommand_from walks" -f -a "reject" -d 'Drop what `diff` shows; the next walk judges afresh'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and __fish_seen_subcommand_from export" -f -a "users" -d 'The users'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and __fish_seen_subcommand_from export" -f -a "groups" -d 'The groups, those that were removed too'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and __fish_seen_subcommand_from export" -f -a "memberships" -d 'Who was in which group, and when'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and __fish_seen_subcommand_from export" -f -a "changes" -d 'The feed of all changes'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and __fish_seen_subcommand_from access" -f -a "check" -d 'Ask the site which addresses have access; changes nothing'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and __fish_seen_subcommand_from history" -f -a "user" -d 'One user, by key, or by a name it has or once had'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and __fish_seen_subcommand_from history" -f -a "group" -d 'One group, by name'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and __fish_seen_subcommand_from db" -f -a "backup" -d 'Copy the database while it is in use, verify the copy, and put it in place'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and __fish_seen_subcommand_from db" -f -a "verify" -d 'Check that the file is whole and that what it says agrees with itself; writes nothing'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and __fish_seen_subcommand_from db" -f -a "prune" -d 'Remove what ended long ago; what is so now, and the walks, stay'
complete -c rollbook -n "__fish_rollbook_using_subcommand help; and __fish_seen_subcommand_from db" -f -a "forget" -d 'Erase one person everywhere in the database, and search its files for what may be left'
