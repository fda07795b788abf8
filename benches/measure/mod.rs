//! What a process costs, measured from outside: as the kernel accounts it.

use std::io;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What a process cost. Its peak memory counts from before its program is loaded: the measuring process stays small.
#[derive(Clone, Copy)]
pub struct Usage {
    /// User and system CPU, seconds.
    pub cpu: f64,
    /// Seconds on the wall.
    pub wall: f64,
    /// Peak memory.
    pub peak_mib: f64,
}

impl Usage {
    /// The medians of several.
    pub fn median(usages: &[Self]) -> Self {
        let of = |part: fn(&Self) -> f64| median(usages.iter().map(part));
        Self { cpu: of(|usage| usage.cpu), wall: of(|usage| usage.wall), peak_mib: of(|usage| usage.peak_mib) }
    }
}

/// Runs a process to its end and asks the kernel what it cost; or gives the code that it failed with. What it prints
/// goes nowhere.
#[allow(clippy::zombie_processes)] // wait4 reaps it
pub fn run(mut command: Command) -> Result<Usage, i32> {
    let begun = Instant::now();
    let child = command.env_remove("ROLLBOOK_CONFIG").stdout(Stdio::null()).spawn().unwrap();
    let pid = child.id() as libc::pid_t;
    let mut status = 0;
    // SAFETY: all zeroes is a valid rusage, and both pointers live for the call.
    let (reaped, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::wait4(pid, &mut status, 0, &mut usage), usage)
    };
    let wall = begun.elapsed().as_secs_f64();
    assert_eq!(reaped, pid, "{}", io::Error::last_os_error());
    assert!(libc::WIFEXITED(status), "the process was ended: {status}");
    match libc::WEXITSTATUS(status) {
        0 => {
            let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
            let cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime);
            Ok(Usage { cpu, wall, peak_mib: usage.ru_maxrss as f64 / 1024.0 })
        }
        code => Err(code),
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
