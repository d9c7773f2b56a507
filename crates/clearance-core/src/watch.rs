//! Every secret of a process and all that it says, side by side, for a search: a build with `--cfg clearance_watch`.
//!
//! Each [`Secret`](crate::Secret) and each token is written to a file of the process in the directory `CLEARANCE_WATCH`,
//! and to another every event, span and record of `tracing` and of `log`, at every level and of every crate, and every
//! panic. It is `log` that is listened to, and not `tracing`, which the test that is watched may do itself.

use std::{
    env,
    fs::{File, create_dir_all},
    io::Write,
    panic,
    path::PathBuf,
    process,
    sync::{Mutex, OnceLock, PoisonError},
};

use log::{LevelFilter, Log, Metadata, Record, set_logger, set_max_level};

/// From now on this is a secret.
pub(crate) fn secret(text: &str) {
    if let Some(watch) = watch() {
        let mut secrets = watch.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        // Not made one text first: a copy of a secret would stay in memory, in which a test looks for it. A secret may
        // have any character but this in it.
        let _ = secrets.write_all(text.as_bytes());
        let _ = secrets.write_all(b"\0");
    }
}

struct Watch {
    secrets: Mutex<File>,
    said: File,
}

fn watch() -> Option<&'static Watch> {
    static WATCH: OnceLock<Option<&'static Watch>> = OnceLock::new();
    *WATCH.get_or_init(|| {
        let directory = PathBuf::from(env::var_os("CLEARANCE_WATCH")?);
        create_dir_all(&directory).expect("CLEARANCE_WATCH names a directory that can be made");
        let program = env::current_exe().expect("a program knows its file");
        let program = program.file_stem().unwrap_or_default().to_string_lossy();
        let file = |kind| {
            let name = format!("{program}.{}.{kind}", process::id());
            File::create(directory.join(name)).expect("CLEARANCE_WATCH can be written to")
        };
        let watch: &Watch = Box::leak(Box::new(Watch {
            secrets: Mutex::new(file("secrets")),
            said: file("said"),
        }));
        set_logger(watch).expect("no test has a logger of its own");
        set_max_level(LevelFilter::Trace);
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            watch.said(&panic.to_string());
            before(panic);
        }));
        Some(watch)
    })
}

impl Watch {
    fn said(&self, text: &str) {
        // In one write, so that threads do not mix.
        let _ = (&self.said).write_all(format!("{text}\n").as_bytes());
    }
}

impl Log for Watch {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        self.said(&format!("{}: {}", record.target(), record.args()));
    }

    fn flush(&self) {}
}
