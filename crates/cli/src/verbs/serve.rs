//! `tideline serve`: the device as a PCI function for other processes.

use crate::Verdict;
use crate::target::Target;
use anyhow::{Context, Result};
use clap::Args;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use tideline_driver::Target as Name;
use tideline_serve::{CxlAttached, Journal, Server, Socket};
use tideline_tb::{Attach, AxiAttached, LineDevice, MachineConfig, ModelInMachine, RtlConfig, RtlDevice};

/// Serve the device at a socket, over vfio-user: to QEMU, or to `--target vfio-user:PATH`
#[derive(Debug, Args)]
#[command(
    after_help = "One client at a time; the device lives as long as the server, so pages that a client mapped stay mapped.\n\
                  Ends on SIGINT, SIGTERM and SIGHUP.\n\n\
                  Examples:\n  tideline serve --socket /tmp/tideline.sock &\n  \
                  tideline serve --socket /tmp/tideline-axi.sock --attach axi &\n  \
                  tideline info --target vfio-user:/tmp/tideline.sock\n  \
                  qemu-system-x86_64 ... -object memory-backend-memfd,id=m,size=1G,share=on -machine memory-backend=m \\\n    \
                  -device '{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\",\"path\":\"/tmp/tideline.sock\"}}'"
)]
pub struct Serve {
    /// Where to listen. A socket file that nobody listens at any more is replaced
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    #[command(flatten)]
    target: Target,
}

impl Serve {
    /// Serves until a signal comes.
    pub fn run(self) -> Result<Verdict> {
        let (wake, stop) = UnixStream::pair().context("cannot make a pair of sockets")?;
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let wake = wake.try_clone().context("cannot duplicate a socket")?;
            pipe::register(signal, wake).context("cannot wait for signals")?;
        }
        let frames = MachineConfig::default().frames;
        let socket = Socket::bind(&self.socket)?;
        let attach = self.target.attach.link();
        let rtl = || RtlDevice::new(&RtlConfig { attach, ..RtlConfig::prompt(frames) });
        let device: Box<dyn LineDevice> = match (&self.target.name, attach) {
            (Name::Model, _) => Box::new(ModelInMachine::new(attach)),
            (_, Attach::Cxl) => Box::new(rtl()?),
            (_, Attach::Axi) => Box::new(AxiAttached::new(rtl()?)),
        };
        // Whoever closes the log does not want to stop the server.
        let journal = Journal::new(|line| drop(writeln!(io::stderr(), "tideline serve: {line}")));
        Server::new(socket, CxlAttached::new(device, frames), journal).run(stop)?;
        Ok(Verdict::Good)
    }
}
