//! Every end-to-end test over the carrier vfio-user, with a server in a thread: the golden model and the Verilated RTL.

use tempfile::TempDir;
use tideline_driver::vfio_user::VfioUser;
use tideline_driver::{Arrival, Carrier, CarrierError, DmaRegion, Iova};
use tideline_serve::{Background, CxlAttached};
use tideline_tb::{Attach, AxiAttached, LineDevice, ModelInMachine, RtlConfig, RtlDevice};

const FRAMES: u32 = 80_000;

/// A client, and the server behind it. Dropped in this order.
struct Client {
    carrier: VfioUser,
    server: Option<Background>,
    folder: TempDir,
}

impl Client {
    fn of<D: LineDevice>(device: impl FnOnce() -> D + Send + 'static) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("device.sock");
        let make = || CxlAttached::new(device(), FRAMES);
        // What a client does wrong shows where a test fails.
        let server = Background::start(&path, make, |line| println!("server: {line}")).expect("a new socket");
        let carrier = VfioUser::connect(&path).unwrap_or_else(|error| panic!("{error}"));
        Self { carrier, server: Some(server), folder }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let Some(server) = self.server.take().filter(|_| !std::thread::panicking()) else { return };
        server.stop().expect("the device keeps the rules");
        let left: Vec<_> = self.folder.path().read_dir().expect("the folder").collect();
        assert!(left.is_empty(), "left behind: {left:?}");
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
    fn window_read(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), CarrierError> {
        self.carrier.window_read(offset, buf)
    }
    fn window_write(&mut self, offset: u64, data: &[u8]) -> Result<(), CarrierError> {
        self.carrier.window_write(offset, data)
    }
    fn flush(&mut self, offset: u64, len: u64) -> Result<Arrival, CarrierError> {
        self.carrier.flush(offset, len)
    }
    fn read_back(&mut self, offset: u64) -> Result<(), CarrierError> {
        self.carrier.read_back(offset)
    }
}

mod model {
    tideline_tests::for_carrier!(super::Client::of(super::ModelInMachine::default));
}

mod rtl {
    use super::{Client, FRAMES, RtlConfig, RtlDevice};

    fn device() -> RtlDevice {
        RtlDevice::new(&RtlConfig::prompt(FRAMES)).unwrap_or_else(|error| panic!("{error}"))
    }

    tideline_tests::for_carrier!(Client::of(device));
}

mod axi {
    use super::{Attach, AxiAttached, Client, FRAMES, RtlConfig, RtlDevice};

    fn device() -> AxiAttached {
        let config = RtlConfig { attach: Attach::Axi, ..RtlConfig::prompt(FRAMES) };
        AxiAttached::new(RtlDevice::new(&config).unwrap_or_else(|error| panic!("{error}")))
    }

    tideline_tests::for_carrier!(Client::of(device));
}
