//! How a device hangs on its host.

use crate::macros::codes;

codes! {
    /// How the host's loads and stores reach a device: the ATTACH register.
    Attach, attach, 2 {
        /// CXL.mem with back-invalidate: the device can recall what the host holds.
        Cxl, CXL = 0;
        /// One AXI4 subordinate, reads and writes only: the driver flushes before it harvests.
        Axi, AXI = 1;
    }
}
