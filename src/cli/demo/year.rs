//! The year itself: two sites, the days that pass there, and the move from one to the other.

use anyhow::Context;
use chrono::{Days, NaiveDate};

use super::{CLOUD, Options, SITE};
use crate::simulator::{Settings, Simulator, UserExportApp};

/// For so many days there is a Cloud site, if the year is long enough: those who moved are to be idle for a while.
const CLOUD_DAYS: u32 = 90;

/// The simulated sites.
pub(super) struct Year {
    pub(super) data_center: Simulator,
    pub(super) cloud: Simulator,
    /// The day on which the Cloud site opens; 0 is the first.
    opens: u32,
    days: u32,
    users: usize,
}

impl Year {
    /// Makes both sites, the Cloud site as it will be on the day it opens.
    pub(super) async fn begin(options: &Options, first_day: NaiveDate) -> anyhow::Result<Self> {
        let (users, days) = (options.users as usize, options.days);
        let opens = (days * 2 / 3).min(days.saturating_sub(CLOUD_DAYS));
        let here = Settings {
            users,
            seed: options.seed,
            first_day,
            user_export: UserExportApp::WithLastLogin,
            ..Settings::default()
        };
        let there = Settings {
            // Service accounts alone.
            users: 0,
            seed: !options.seed,
            first_day: first_day + Days::new(u64::from(opens)),
            ..Settings::cloud()
        };
        let data_center = Simulator::start(here).await.context("cannot listen on loopback")?;
        let cloud = Simulator::start(there).await.context("cannot listen on loopback")?;
        Ok(Self { data_center, cloud, opens, days, users })
    }

    /// Lets a day pass, and answers which sites there are at its end.
    pub(super) fn pass(&self, day: u32) -> &'static [&'static str] {
        if day > 0 {
            self.data_center.advance_day();
        }
        let Some(since) = day.checked_sub(self.opens) else { return &[SITE] };
        if since > 0 {
            self.cloud.advance_day();
        }
        self.migrate(since);
        &[SITE, CLOUD]
    }

    /// What the move brings on a day, so many days after the Cloud site opened.
    fn migrate(&self, since: u32) {
        let few = 1 + self.users / 400;
        self.data_center.with_population(|here| {
            self.cloud.with_population(|there| {
                if since == 0 {
                    there.open(here);
                    there.take_over(here, 2 + self.users / 20);
                } else if since.is_multiple_of(7) {
                    there.take_over(here, 1 + self.users / 40);
                }
                if since.is_multiple_of(28) {
                    there.invite_guests(few);
                }
                if since % 28 == 20 {
                    there.hide_addresses(few);
                }
                if since == (self.days - self.opens).div_ceil(2) {
                    there.rename_a_project();
                }
            });
        });
    }

    pub(super) async fn end(self) {
        self.data_center.shutdown().await;
        self.cloud.shutdown().await;
    }
}
