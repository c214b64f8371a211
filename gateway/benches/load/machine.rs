//! Process statistics of the system: memory, processor time, open files.

use std::fs;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use rustix::param::clock_ticks_per_second;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Raises the limit of open files of this process and its children.
pub(crate) fn allow_files(needed: u64) -> Result<(), String> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if let Some(maximum) = maximum.filter(|maximum| *maximum < needed) {
        return Err(format!("{needed} open files are needed and {maximum} are allowed; raise that with `ulimit -Hn`"));
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum })
        .map_err(|cause| format!("{needed} files are needed: {cause}; raise it with `ulimit -n {needed}`"))
}

/// The processor time of this process.
pub(crate) fn own_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// The processor time of another process, including threads that have ended.
pub(crate) fn time_of(pid: u32) -> Duration {
    let ticks = |place| stat(pid, place).unwrap_or_default();
    Duration::from_secs(ticks(USER_TIME) + ticks(SYSTEM_TIME)) / clock_ticks_per_second() as u32
}

/// The latency of a synced write in the endpoints' folder. Each commit waits for one.
pub(crate) fn disk_time() -> io::Result<Duration> {
    let mut file = tempfile::tempfile()?;
    let mut times = Vec::new();
    for _ in 0..51 {
        let started = Instant::now();
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    times.sort();
    Ok(times[times.len() / 2])
}

/// The memory of a process and its children, in bytes.
pub(crate) fn memory_of(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let own = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() * 1024;
    own + children_of(pid).into_iter().map(memory_of).sum::<u64>()
}

/// The number of threads of a process.
pub(crate) fn threads_of(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count)
}

fn children_of(parent: u32) -> Vec<u32> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| stat(*pid, PARENT) == Some(u64::from(parent))).collect()
}

/// Field indexes in `/proc/PID/stat`, counted from the end of the name.
const PARENT: usize = 1;
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;

fn stat(pid: u32, place: usize) -> Option<u64> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses, and may hold any of them itself.
    line.rsplit_once(')')?.1.split_whitespace().nth(place)?.parse().ok()
}
