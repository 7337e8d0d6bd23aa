//! Names of targets, as a command line gives them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// What to open.
///
/// ```
/// use tideline_driver::Target;
/// assert_eq!("model".parse(), Ok(Target::Model));
/// assert!("vfio:0000:01:00.0".parse::<Target>().is_ok());
/// assert!("vfio:1:2".parse::<Target>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `model`: the golden model in this process.
    Model,
    /// `rtl`: the Verilated RTL in this process.
    Rtl,
    /// `vfio-user:PATH`: a device served over the vfio-user protocol at this socket.
    VfioUser(PathBuf),
    /// `vfio:BDF`: a board, through `/dev/vfio`.
    Vfio(Bdf),
}

/// A PCI function: domain, bus, device, function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bdf {
    /// Domain.
    pub domain: u16,
    /// Bus.
    pub bus: u8,
    /// Device, 0 to 31.
    pub device: u8,
    /// Function, 0 to 7.
    pub function: u8,
}

/// Text that names no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No known kind of target.
    #[error("unknown target {0:?}: use model, rtl, vfio-user:PATH or vfio:BDF")]
    Unknown(String),
    /// A path is missing.
    #[error("target vfio-user needs the path of a socket: vfio-user:PATH")]
    NoPath,
    /// Not a PCI address.
    #[error("{0:?} is no PCI address: use domain:bus:device.function in hexadecimal, such as 0000:01:00.0")]
    BadBdf(String),
    /// A target without the host that a verb needs.
    #[error("target {0}: the caches in front of the device must be simulated here; use model or rtl")]
    NotSimulated(Target),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        match text.split_once(':') {
            None if text == "model" => Ok(Self::Model),
            None if text == "rtl" => Ok(Self::Rtl),
            None if text == "vfio-user" => Err(TargetError::NoPath),
            Some(("vfio-user", "")) => Err(TargetError::NoPath),
            Some(("vfio-user", path)) => Ok(Self::VfioUser(path.into())),
            Some(("vfio", bdf)) => bdf.parse().map(Self::Vfio),
            None if text == "vfio" => Err(TargetError::BadBdf(String::new())),
            _ => Err(TargetError::Unknown(text.to_owned())),
        }
    }
}

impl FromStr for Bdf {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        parse_bdf(text).ok_or_else(|| TargetError::BadBdf(text.to_owned()))
    }
}

fn parse_bdf(text: &str) -> Option<Bdf> {
    let hex = |s: &str, width: usize| {
        (s.len() == width && s.bytes().all(|b| b.is_ascii_hexdigit()))
            .then(|| u16::from_str_radix(s, 16).ok())?
    };
    let (domain, rest) = text.split_once(':')?;
    let (bus, rest) = rest.split_once(':')?;
    let (device, function) = rest.split_once('.')?;
    let bdf = Bdf {
        domain: hex(domain, 4)?,
        bus: hex(bus, 2)? as u8,
        device: hex(device, 2)? as u8,
        function: hex(function, 1)? as u8,
    };
    (bdf.device < 32 && bdf.function < 8).then_some(bdf)
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model => f.write_str("model"),
            Self::Rtl => f.write_str("rtl"),
            Self::VfioUser(path) => write!(f, "vfio-user:{}", path.display()),
            Self::Vfio(bdf) => write!(f, "vfio:{bdf}"),
        }
    }
}

impl fmt::Display for Bdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:02x}:{:02x}.{:x}", self.domain, self.bus, self.device, self.function)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_prints_as_it_parses() {
        for text in ["model", "rtl", "vfio-user:/run/tideline.sock", "vfio:0000:01:00.0", "vfio:ffff:fe:1f.7"]
        {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn wrong_targets_say_what_is_right() {
        for text in ["", "mode", "model:1", "qemu", "RTL"] {
            assert_eq!(text.parse::<Target>(), Err(TargetError::Unknown(text.to_owned())));
        }
        assert_eq!("vfio-user:".parse::<Target>(), Err(TargetError::NoPath));
        for bdf in
            ["", "0000:01:00", "0000:01:20.0", "0000:01:00.8", "0:1:0.0", "+000:01:00.0", "0000:01:00.0x"]
        {
            assert_eq!(format!("vfio:{bdf}").parse::<Target>(), Err(TargetError::BadBdf(bdf.to_owned())));
        }
    }
}
