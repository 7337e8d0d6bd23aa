//! The macros behind the tables: one line per value gives the Rust type, the kernel constant and the docs.

/// Declares a code table: an enum, a module of `u64` constants for kernels, and a [`crate::CodeTable`].
macro_rules! codes {
    (
        $(#[doc = $doc:literal])+
        $name:ident, $module:ident, $bits:literal {
            $( $(#[doc = $vdoc:literal])+ $variant:ident, $konst:ident = $value:literal; )+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $( $(#[doc = $vdoc])+ $variant = $value, )+ }

        $(#[doc = $doc])+
        pub mod $module {
            $( $(#[doc = $vdoc])+ pub const $konst: u64 = $value; )+
        }

        impl $name {
            /// All values, as a table.
            pub const TABLE: $crate::CodeTable = $crate::CodeTable {
                name: stringify!($name),
                bits: $bits,
                doc: concat!($($doc),+),
                codes: &[ $( $crate::Code {
                    path: concat!(stringify!($module), "::", stringify!($konst)),
                    value: $value,
                    doc: concat!($($vdoc),+),
                }, )+ ],
            };
            /// All values.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// The value with this code, if there is one.
            pub const fn from_code(code: u64) -> Option<Self> {
                match code { $( $value => Some(Self::$variant), )+ _ => None }
            }
            /// The code of this value.
            pub const fn code(self) -> u64 { self as u64 }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(match self { $( Self::$variant => stringify!($variant), )+ })
            }
        }

        const _: () = { $( assert!(($value as u64) < (1u64 << $bits), "code does not fit its field"); )+ };
    };
}

/// Declares named bit positions for software and kernels.
macro_rules! bit_names {
    ( $module:ident, $table:ident { $( $(#[doc = $doc:literal])+ $konst:ident = $value:literal; )+ } ) => {
        /// Bit positions.
        pub mod $module {
            $( $(#[doc = $doc])+ pub const $konst: usize = $value; )+
        }
        /// The same positions as a table.
        pub const $table: &[$crate::Code] = &[ $( $crate::Code {
            path: concat!(stringify!($module), "::", stringify!($konst)),
            value: $value,
            doc: concat!($($doc),+),
        }, )+ ];
    };
}

pub(crate) use {bit_names, codes};
