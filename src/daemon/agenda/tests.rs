//! Every rule of the schedule, with a clock that the test turns.

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_human(text).unwrap()
}

fn plan(schedule: &str) -> Plan {
    let schedule = Schedule::parse(schedule).unwrap();
    Plan { job: "walk:corp".into(), schedule, zone: Tz::Europe__Berlin, jitter: Duration::ZERO, eager: false }
}

/// One job, and everything that came of it.
struct Watch {
    agenda: Agenda,
    now: Timestamp,
    seen: Vec<String>,
    /// How long a run takes, and how it ends; `None`: until it is ended by hand.
    run: Option<(i64, Ended)>,
    ends_at: Option<Timestamp>,
}

impl Watch {
    fn new(plan: Plan, now: &str) -> Self {
        Self::resuming(plan, now, None)
    }

    fn resuming(plan: Plan, now: &str, known: Option<Remembered>) -> Self {
        let (now, mut agenda) = (at(now), Agenda::new(7, at(now)));
        let known = known.map(|known| (plan.job.clone(), known)).into_iter().collect();
        agenda.plan(vec![plan], &known, now);
        Self { agenda, now, seen: Vec::new(), run: Some((1_000, Ended::Well)), ends_at: None }
    }

    fn runs(mut self, millis: i64, how: Ended) -> Self {
        self.run = Some((millis, how));
        self
    }

    /// A tick now.
    fn tick(&mut self) {
        if let (Some(ends), Some((_, how))) = (self.ends_at, self.run)
            && ends <= self.now
        {
            self.ends_at = None;
            self.end(how);
        }
        for action in self.agenda.turn(self.now) {
            match action {
                Action::Start { due, .. } => {
                    let late = self.now.millis() - due.millis();
                    self.seen.push(format!("start {} for {} ({late} ms)", self.now.to_sql(), due.to_sql()));
                    self.ends_at = self.run.map(|(millis, _)| self.now.plus_millis(millis));
                }
                Action::Skip(skip) => self.skipped(&skip),
            }
        }
    }

    fn end(&mut self, how: Ended) {
        if let Some(skip) = self.agenda.ended("walk:corp", how, self.now) {
            self.skipped(&skip);
        }
    }

    fn skipped(&mut self, skip: &Skip) {
        let Skip { first, last, firings, reason, .. } = skip;
        self.seen.push(format!("skip {firings} {} {}..{}", reason.as_str(), first.to_sql(), last.to_sql()));
    }

    /// A tick a second until then.
    fn until(&mut self, to: &str) -> &mut Self {
        while self.now < at(to) {
            self.now = self.now.plus_millis(1_000);
            self.tick();
        }
        self
    }

    /// The clock is set, and ticks once.
    fn jump(&mut self, to: &str) -> &mut Self {
        self.now = at(to);
        self.tick();
        self
    }

    /// The moments of the starts, without their date's year and milliseconds.
    fn starts(&self) -> Vec<&str> {
        self.seen.iter().filter_map(|line| Some(&line.strip_prefix("start ")?[5..19])).collect()
    }

    fn skips(&self) -> Vec<&str> {
        self.seen.iter().filter_map(|line| line.strip_prefix("skip ")).collect()
    }
}

fn remembered(due: &str, last: Last) -> Remembered {
    let due_at = at(due);
    Remembered { schedule: "0 0 * * * *".into(), due_at, began_at: Some(due_at), last, failures: 0 }
}

#[test]
fn it_runs_when_the_schedule_says_so() {
    let mut watch = Watch::new(plan("0 0 */6 * * *"), "2026-01-31T04:59:30Z");
    watch.until("2026-01-31T17:00:10Z");
    assert_eq!(watch.starts(), ["01-31 05:00:00", "01-31 11:00:00", "01-31 17:00:00"], "{:?}", watch.seen);
    assert!(watch.skips().is_empty());
}

#[test]
fn the_hour_that_spring_leaves_out_does_not_lose_a_day() {
    // 02:30 does not exist in Berlin on 2026-03-29.
    let mut watch = Watch::new(plan("0 30 2 * * *"), "2026-03-28T00:00:00Z");
    watch.until("2026-03-30T12:00:00Z");
    assert_eq!(watch.starts(), ["03-28 01:30:00", "03-29 01:00:00", "03-30 00:30:00"]);
}

#[test]
fn the_hour_that_autumn_repeats_is_no_second_run() {
    // 02:30 comes twice in Berlin on 2026-10-25: at 00:30 and at 01:30 UTC.
    let mut watch = Watch::new(plan("0 30 2 * * *"), "2026-10-24T00:00:00Z");
    watch.until("2026-10-26T12:00:00Z");
    assert_eq!(watch.starts(), ["10-24 00:30:00", "10-25 00:30:00", "10-26 01:30:00"]);
    // What runs every hour runs every hour.
    let mut watch = Watch::new(plan("0 0 * * * *"), "2026-10-24T23:30:00Z");
    watch.until("2026-10-25T03:30:00Z");
    assert_eq!(watch.starts(), ["10-25 00:00:00", "10-25 01:00:00", "10-25 02:00:00", "10-25 03:00:00"]);
}

#[test]
fn every_hour_is_every_hour_in_spring_too() {
    let mut watch = Watch::new(plan("0 0 * * * *"), "2026-03-28T23:30:00Z");
    watch.until("2026-03-29T03:30:00Z");
    assert_eq!(watch.starts(), ["03-29 00:00:00", "03-29 01:00:00", "03-29 02:00:00", "03-29 03:00:00"]);
}

#[test]
fn a_fixed_pause_does_not_drift() {
    let mut watch = Watch::new(plan("@every 10m"), "2026-01-31T00:00:00.400Z");
    watch.until("2026-01-31T00:30:10Z");
    assert_eq!(watch.starts(), ["01-31 00:10:00", "01-31 00:20:00", "01-31 00:30:00"]);
    assert!(watch.skips().is_empty());
}

#[test]
fn a_firing_during_a_run_is_left_out_and_recorded() {
    let mut watch = Watch::new(plan("0 * * * * *"), "2026-01-31T00:00:30Z").runs(150_000, Ended::Well);
    watch.until("2026-01-31T00:07:30Z");
    assert_eq!(watch.starts(), ["01-31 00:01:00", "01-31 00:04:00", "01-31 00:07:00"]);
    assert_eq!(watch.skips().len(), 4);
    assert_eq!(watch.skips()[0], "1 running 2026-01-31 00:02:00.000..2026-01-31 00:02:00.000");
}

#[test]
fn what_was_missed_is_made_up_for_once() {
    let mut watch = Watch::new(plan("0 0 * * * *"), "2026-01-31T00:30:00Z");
    watch.jump("2026-01-31T09:12:00Z").until("2026-01-31T10:00:30Z");
    assert_eq!(watch.starts(), ["01-31 09:12:00", "01-31 10:00:00"]);
    assert_eq!(watch.skips(), ["8 asleep 2026-01-31 01:00:00.000..2026-01-31 08:00:00.000"]);
}

#[test]
fn what_was_missed_of_a_fixed_pause_is_made_up_for_once() {
    let mut watch = Watch::new(plan("@every 1h"), "2026-01-31T00:00:00Z");
    watch.jump("2026-01-31T09:12:00Z").until("2026-01-31T10:12:30Z");
    assert_eq!(watch.starts(), ["01-31 09:12:00", "01-31 10:12:00"], "counted from when it was made up for");
    assert_eq!(watch.skips(), ["8 asleep 2026-01-31 01:00:00.000..2026-01-31 08:00:00.000"]);
}

#[test]
fn a_year_asleep_is_counted_in_no_time() {
    let mut watch = Watch::new(plan("* * * * * *"), "2026-01-31T00:00:00Z");
    watch.jump("2027-01-31T00:00:00.500Z").jump("2027-01-31T00:00:05Z");
    assert_eq!(watch.starts().len(), 2);
    assert!(watch.skips()[0].starts_with("999 asleep 2026-01-31 00:00:01.000"), "{:?}", watch.seen);
}

#[test]
fn a_clock_that_jumps_a_day_ahead_and_back_keeps_the_schedule() {
    let mut watch = Watch::new(plan("0 0 * * * *"), "2026-01-31T00:30:00Z");
    watch.jump("2026-02-01T00:30:00Z").jump("2026-02-01T00:30:01Z").jump("2026-01-31T00:30:02Z");
    watch.until("2026-01-31T02:30:00Z");
    // The jump is made up for once; back in the right time every firing counts.
    assert_eq!(watch.starts(), ["02-01 00:30:00", "01-31 01:00:00", "01-31 02:00:00"], "{:?}", watch.seen);
}

#[test]
fn a_clock_set_back_does_not_make_a_fixed_pause_wait_for_yesterday() {
    let mut watch = Watch::new(plan("@every 1h"), "2026-01-31T00:00:00Z");
    watch.jump("2026-01-30T00:00:00Z").until("2026-01-30T01:00:10Z");
    assert_eq!(watch.starts(), ["01-30 01:00:00"]);
}

#[test]
fn a_clock_set_back_by_a_little_does_nothing_twice() {
    let mut watch = Watch::new(plan("0 0 * * * *"), "2026-01-31T00:59:59Z");
    watch.until("2026-01-31T01:00:03Z").jump("2026-01-31T00:59:58Z").until("2026-01-31T02:00:10Z");
    assert_eq!(watch.starts(), ["01-31 01:00:00", "01-31 02:00:00"]);
}

#[test]
fn a_new_process_goes_on_from_the_last_run() {
    // At 05:30 the firings of 03:00 to 05:00 were missed: one walk makes up for them.
    let known = Some(remembered("2026-01-31T02:00:00Z", Last::Well));
    let mut watch = Watch::resuming(plan("0 0 * * * *"), "2026-01-31T05:30:00Z", known.clone());
    watch.until("2026-01-31T06:00:30Z");
    assert_eq!(watch.starts(), ["01-31 05:30:01", "01-31 06:00:00"]);
    assert_eq!(watch.skips(), ["2 asleep 2026-01-31 03:00:00.000..2026-01-31 04:00:00.000"]);
    // Nothing was missed.
    let mut watch = Watch::resuming(plan("0 0 * * * *"), "2026-01-31T02:30:00Z", known);
    watch.until("2026-01-31T03:00:30Z");
    assert_eq!(watch.starts(), ["01-31 03:00:00"]);
    // Somebody walked by hand meanwhile.
    let mut known = remembered("2026-01-31T02:00:00Z", Last::Well);
    known.began_at = Some(at("2026-01-31T05:10:00Z"));
    let mut watch = Watch::resuming(plan("0 0 * * * *"), "2026-01-31T05:30:00Z", Some(known));
    watch.until("2026-01-31T06:00:30Z");
    assert_eq!((watch.starts(), watch.skips().len()), (vec!["01-31 06:00:00"], 0));
}

#[test]
fn what_a_clock_in_the_future_left_is_no_reason_to_wait() {
    let known = Some(remembered("2031-01-01T00:00:00Z", Last::Well));
    let mut watch = Watch::resuming(plan("0 0 * * * *"), "2026-01-31T05:30:00Z", known);
    watch.until("2026-01-31T06:00:30Z");
    assert_eq!(watch.starts(), ["01-31 06:00:00"]);
}

#[test]
fn another_schedule_has_missed_nothing() {
    let known = Some(remembered("2026-01-20T02:00:00Z", Last::Well));
    let mut watch = Watch::resuming(plan("0 0 6 * * *"), "2026-01-31T05:30:00Z", known);
    watch.until("2026-02-01T05:00:10Z");
    assert_eq!(watch.starts(), ["02-01 05:00:00"]);
}

#[test]
fn what_was_never_done_begins_at_once_where_that_is_wanted() {
    let mut watch = Watch::new(Plan { eager: true, ..plan("0 0 * * * *") }, "2026-01-31T05:30:00Z");
    watch.until("2026-01-31T06:00:30Z");
    assert_eq!(watch.starts(), ["01-31 05:30:01", "01-31 06:00:00"]);
    let mut watch = Watch::new(plan("0 0 * * * *"), "2026-01-31T05:30:00Z");
    watch.until("2026-01-31T06:00:30Z");
    assert_eq!(watch.starts(), ["01-31 06:00:00"]);
}

#[test]
fn a_run_that_was_cut_off_is_begun_anew() {
    let stopped = Some(remembered("2026-01-31T05:00:00Z", Last::Stopped));
    let mut watch = Watch::resuming(plan("0 0 * * * *"), "2026-01-31T05:30:00Z", stopped);
    watch.until("2026-01-31T05:31:00Z");
    assert_eq!(watch.starts(), ["01-31 05:30:01"]);
    // A process that dies of it, and is started again and again, does not ask the site every second.
    let died = Some(remembered("2026-01-31T05:29:50Z", Last::Died));
    let mut watch = Watch::resuming(plan("0 0 * * * *"), "2026-01-31T05:30:00Z", died);
    watch.until("2026-01-31T05:31:00Z");
    assert_eq!(watch.starts(), ["01-31 05:30:50"]);
}

#[test]
fn failures_are_tried_again_ever_more_rarely() {
    let mut watch = Watch::new(plan("0 0 0 * * *"), "2026-01-30T22:59:00Z").runs(1_000, Ended::Failed);
    watch.until("2026-01-31T08:00:00Z");
    let times: Vec<i64> = watch.starts().iter().map(|start| at(&format!("2026-{start}")).millis() / 1_000).collect();
    let pauses: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let expected = [60, 120, 240, 480, 960, 1_920, 3_600, 3_600];
    for (pause, expected) in pauses.iter().zip(expected) {
        assert!((expected..=expected * 11 / 10 + 3).contains(pause), "{pauses:?}");
    }
    assert!(pauses.len() >= 8, "{pauses:?}");
    // Once it is well the schedule alone counts.
    watch.run = Some((1_000, Ended::Well));
    watch.until("2026-01-31T22:00:00Z");
    let before = watch.starts().len();
    watch.until("2026-02-01T22:00:00Z");
    assert_eq!(watch.starts().len() - before, 1);
    assert_eq!(watch.agenda.standings()[0].failures, 0);
}

#[test]
fn firings_of_a_busy_schedule_wait_until_it_has_rested() {
    let mut watch = Watch::new(plan("*/10 * * * * *"), "2026-01-31T00:00:05Z").runs(1_000, Ended::Failed);
    watch.until("2026-01-31T00:05:00Z");
    // The first rest is the schedule's own pause, ten seconds; then twenty, forty …
    let starts = watch.starts();
    assert!(starts.len() <= 6, "{starts:?}");
    assert!(watch.skips().iter().any(|skip| skip.contains("backing off")), "{:?}", watch.seen);
}

#[test]
fn a_firing_during_a_rest_does_not_take_the_place_of_the_trial_after_it() {
    // Failing at 10:30:02, 10:31, 10:33, 10:37, 10:45: the rest after that lasts beyond 11:00.
    let mut watch = Watch::new(plan("0 0,30 * * * *"), "2026-01-31T10:29:59Z").runs(1_000, Ended::Failed);
    watch.until("2026-01-31T11:30:00Z");
    assert!(watch.skips().iter().any(|skip| skip.contains("backing off 2026-01-31 11:00:00")), "{:?}", watch.seen);
    assert!(
        watch.starts().iter().any(|start| ("01-31 11:00:01".."01-31 11:10:00").contains(start)),
        "{:?}",
        watch.seen
    );
}

#[test]
fn refused_credentials_are_tried_by_the_schedule_alone_and_rarely() {
    let mut watch = Watch::new(plan("0 */10 * * * *"), "2026-01-31T00:05:00Z").runs(1_000, Ended::Refused);
    watch.until("2026-01-31T06:05:00Z");
    // Rests of 15, 30, 60, 120 minutes.
    assert_eq!(
        watch.starts(),
        ["01-31 00:10:00", "01-31 00:30:00", "01-31 01:10:00", "01-31 02:20:00", "01-31 04:30:00"],
    );
    assert!(watch.skips().len() > 20);
}

#[test]
fn whoever_reloads_has_mended_it_perhaps() {
    let mut watch = Watch::new(plan("0 0 0 * * *"), "2026-01-30T22:59:50Z").runs(1_000, Ended::Refused);
    watch.until("2026-01-30T23:00:20Z");
    assert_eq!(watch.starts().len(), 1);
    let now = watch.now;
    watch.agenda.retry_failed(now);
    watch.until("2026-01-30T23:00:30Z");
    assert_eq!(watch.starts().len(), 2);
}

#[test]
fn a_new_process_does_not_hammer_a_site_that_refused() {
    let mut known = remembered("2026-01-31T05:00:00Z", Last::Refused(at("2026-01-31T05:00:02Z")));
    known.failures = 3;
    let again = Watch::resuming(plan("0 */10 * * * *"), "2026-01-31T05:00:30Z", Some(known));
    let mut watch = again.runs(1_000, Ended::Refused);
    // Once, a minute after the last trial: somebody may have mended it. Then as before, with rests of two hours and more.
    watch.until("2026-01-31T07:00:00Z");
    assert_eq!(watch.starts(), ["01-31 05:01:02"]);
}

#[test]
fn where_another_process_walks_it_is_left_out() {
    let mut watch = Watch::new(plan("0 0 * * * *"), "2026-01-31T00:59:55Z").runs(1_000, Ended::Locked);
    watch.until("2026-01-31T01:30:00Z");
    assert_eq!(watch.starts(), ["01-31 01:00:00"]);
    assert_eq!(watch.skips(), ["1 locked 2026-01-31 01:00:00.000..2026-01-31 01:00:00.000"]);
    assert_eq!(watch.agenda.standings()[0].failures, 0);
}

#[test]
fn starts_are_spread_over_the_jitter() {
    let jittery = Plan { jitter: Duration::from_secs(60), ..plan("0 0 * * * *") };
    let mut watch = Watch::new(jittery, "2026-01-31T00:30:00Z");
    watch.until("2026-02-01T00:30:00Z");
    let late: Vec<i64> =
        watch.starts().iter().map(|start| at(&format!("2026-{start}")).millis() / 1_000 % 3_600).collect();
    assert_eq!(late.len(), 24);
    assert!(late.iter().all(|late| (0..=61).contains(late)), "{late:?}");
    assert!(late.iter().any(|late| *late > 30) && late.iter().any(|late| *late < 30), "{late:?}");
    // Never more than a tenth of the pause.
    let jittery = Plan { jitter: Duration::from_secs(3_600), ..plan("0 * * * * *") };
    let mut watch = Watch::new(jittery, "2026-01-31T00:00:30Z");
    watch.until("2026-01-31T01:00:30Z");
    assert_eq!(watch.starts().len(), 60);
    let late: Vec<i64> =
        watch.starts().iter().map(|start| at(&format!("2026-{start}")).millis() / 1_000 % 60).collect();
    assert!(late.iter().all(|late| (0..=7).contains(late)), "{late:?}");
}

#[test]
fn a_reload_keeps_what_is_planned_and_forgets_what_is_gone() {
    let mut watch = Watch::new(plan("0 0 * * * *"), "2026-01-31T00:59:58Z").runs(30_000, Ended::Well);
    watch.until("2026-01-31T01:00:05Z");
    // The same schedule: what runs goes on.
    let now = watch.now;
    watch.agenda.plan(vec![plan("0 0 * * * *")], &HashMap::new(), now);
    assert!(watch.agenda.standings()[0].running);
    // Another one.
    watch.agenda.plan(vec![plan("0 30 * * * *")], &HashMap::new(), now);
    assert_eq!(watch.agenda.standings()[0].next_at, Some(at("2026-01-31T01:30:00Z")));
    // None: it ends, and is not begun again.
    watch.agenda.plan(Vec::new(), &HashMap::new(), now);
    watch.until("2026-01-31T01:00:40Z");
    assert!(watch.agenda.standings().is_empty());
    watch.until("2026-01-31T02:00:00Z");
    assert_eq!(watch.starts(), ["01-31 01:00:00"]);
}
