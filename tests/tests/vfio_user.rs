//! Every end-to-end test over the carrier vfio-user, with a server in a thread: the golden model and the Verilated RTL.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use tempfile::TempDir;
use tideline_driver::vfio_user::VfioUser;
use tideline_driver::{Carrier, CarrierError, DmaRegion, Iova};
use tideline_serve::{CxlAttached, Journal, Server, Socket};
use tideline_tb::{LineDevice, ModelInMachine, RtlConfig, RtlDevice};

const FRAMES: u32 = 80_000;

/// A server in a thread, with a socket of its own. Stops when it is dropped.
struct Served {
    folder: TempDir,
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    fn new<D: LineDevice>(device: impl FnOnce() -> D + Send + 'static) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (stop, stopped) = UnixStream::pair().expect("a pair of sockets");
        let socket = Socket::bind(&Self::path_in(folder.path())).expect("a new socket");
        let thread = std::thread::spawn(move || {
            // What a client does wrong shows where a test fails.
            let journal = Journal::new(|line| println!("server: {line}"));
            let server = Server::new(socket, CxlAttached::new(device(), FRAMES), journal);
            server.run(stopped).expect("the device keeps the rules");
        });
        Self { folder, stop: Some(stop), thread: Some(thread) }
    }

    fn path_in(folder: &Path) -> PathBuf {
        folder.join("device.sock")
    }

    fn path(&self) -> PathBuf {
        Self::path_in(self.folder.path())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().expect("not joined before").join();
        if !std::thread::panicking() {
            ended.expect("the server ends well");
            assert!(!self.path().exists(), "the socket file is left behind");
        }
    }
}

/// A client, and the server behind it.
struct Client {
    carrier: VfioUser,
    /// Declared behind the carrier: dropped after it.
    _served: Served,
}

impl Client {
    fn of<D: LineDevice>(device: impl FnOnce() -> D + Send + 'static) -> Self {
        let served = Served::new(device);
        let carrier = VfioUser::connect(&served.path()).unwrap_or_else(|error| panic!("{error}"));
        Self { carrier, _served: served }
    }
}

impl Carrier for Client {
    fn name(&self) -> String {
        self.carrier.name()
    }
    fn read32(&mut self, offset: u32) -> Result<u32, CarrierError> {
        self.carrier.read32(offset)
    }
    fn write32(&mut self, offset: u32, value: u32) -> Result<(), CarrierError> {
        self.carrier.write32(offset, value)
    }
    fn dma_alloc(&mut self, len: usize) -> Result<DmaRegion, CarrierError> {
        self.carrier.dma_alloc(len)
    }
    fn dma_free(&mut self, region: DmaRegion) {
        self.carrier.dma_free(region);
    }
    fn dma_read(&mut self, iova: Iova, buf: &mut [u8]) -> Result<(), CarrierError> {
        self.carrier.dma_read(iova, buf)
    }
    fn dma_write(&mut self, iova: Iova, data: &[u8]) -> Result<(), CarrierError> {
        self.carrier.dma_write(iova, data)
    }
    fn wait(&mut self) -> Result<(), CarrierError> {
        self.carrier.wait()
    }
    fn most_waits(&self) -> u32 {
        self.carrier.most_waits()
    }
    fn reset(&mut self) -> Result<(), CarrierError> {
        self.carrier.reset()
    }
    fn window_base(&self) -> u64 {
        self.carrier.window_base()
    }
    fn frames(&self) -> u32 {
        self.carrier.frames()
    }
    fn load_line(&mut self, offset: u64) -> Result<[u8; 64], CarrierError> {
        self.carrier.load_line(offset)
    }
    fn store_line(&mut self, offset: u64, data: &[u8; 64]) -> Result<(), CarrierError> {
        self.carrier.store_line(offset, data)
    }
}

mod model {
    tideline_tests::for_carrier!(super::Client::of(super::ModelInMachine::default));
}

mod rtl {
    use super::{Client, FRAMES, RtlConfig, RtlDevice};

    fn device() -> RtlDevice {
        RtlDevice::new(&RtlConfig::fast(FRAMES)).unwrap_or_else(|error| panic!("{error}"))
    }

    tideline_tests::for_carrier!(Client::of(device));
}
