//! `tideline serve`: the device as a PCI function for other processes.

use crate::Verdict;
use crate::target::Target;
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use tideline_driver::Target as Name;
use tideline_serve::{CxlAttached, Journal, Server, Socket};
use tideline_tb::{LineDevice, MachineConfig, ModelInMachine, RtlConfig, RtlDevice};

/// Serve the device at a socket, over vfio-user: to QEMU, or to `--target vfio-user:PATH`
#[derive(Debug, Args)]
#[command(
    after_help = "One client at a time; the device lives as long as the server, so pages that a client mapped stay mapped.\n\
                  Ends on SIGINT, SIGTERM and SIGHUP.\n\n\
                  Examples:\n  tideline serve --socket /tmp/tideline.sock &\n  \
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
    /// How the device is attached to the host that accesses its window
    #[arg(long, value_enum, default_value_t = Attach::Cxl)]
    attach: Attach,
}

/// The ways of window accesses into a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Attach {
    /// CXL.mem: line requests on the six channels
    Cxl,
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
        let device: Box<dyn LineDevice> = match self.target.name {
            Name::Model => Box::new(ModelInMachine::default()),
            _ => Box::new(RtlDevice::new(&RtlConfig::prompt(frames))?),
        };
        // Whoever closes the log does not want to stop the server.
        let journal = Journal::new(|line| drop(writeln!(io::stderr(), "tideline serve: {line}")));
        match self.attach {
            Attach::Cxl => Server::new(socket, CxlAttached::new(device, frames), journal).run(stop)?,
        }
        Ok(Verdict::Good)
    }
}
