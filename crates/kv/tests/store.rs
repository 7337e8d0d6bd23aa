//! The store against a map in this process.

use std::collections::BTreeMap;
use tideline_driver::{Cell, Device, Error, Frame, Offset, PageIndex, PageRange, Span};
use tideline_kv::store::{Store, StoreError};
use tideline_model::ModelCarrier;

const PAGES: u32 = 12;

fn mapped() -> (Device<ModelCarrier>, PageRange) {
    let mut device = Device::open(ModelCarrier::new()).unwrap_or_else(|e| panic!("{e}"));
    let pages = PageRange::new(PageIndex(4), PAGES).unwrap_or_else(|e| panic!("{e}"));
    device.map(pages, Frame(0)).unwrap_or_else(|e| panic!("{e}"));
    (device, pages)
}

/// Random puts, removes and gets; now and then another process opens the store.
#[test]
fn the_store_is_a_map() -> Result<(), StoreError> {
    let (mut device, pages) = mapped();
    let mut store = Store::create(&mut device.window(), pages, 16)?;
    let mut map: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let (mut state, mut full) = (7u64, 0);
    let mut number = move |end: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % end
    };
    for n in 0..4000 {
        let key = number(90).to_string().repeat(number(3) as usize).into_bytes();
        match number(10) {
            0..6 => {
                let value = vec![n as u8; number(if n % 500 < 100 { 4000 } else { 300 }) as usize];
                match store.put(&mut device.window(), &key, &value) {
                    Ok(()) => drop(map.insert(key, value)),
                    Err(StoreError::Driver(Error::ArenaFull { .. })) => full += 1,
                    Err(error) => return Err(error),
                }
            }
            6..8 => {
                assert_eq!(store.remove(&mut device.window(), &key)?, map.remove(&key).is_some());
            }
            _ => assert_eq!(store.get(&mut device.window(), &key)?.as_ref(), map.get(&key)),
        }
        if n % 200 == 0 {
            store = Store::open(&mut device.window(), pages)?;
            let entries: BTreeMap<_, _> = store.entries(&mut device.window())?.into_iter().collect();
            assert_eq!(entries, map);
            assert_eq!(store.len(&mut device.window())?, map.len() as u64);
        }
    }
    assert!(full > 0, "the arena was full at times");
    for key in map.keys() {
        assert!(store.remove(&mut device.window(), key)?);
    }
    assert_eq!(store.arena().blocks().count(), 2, "root and table are left");
    Ok(())
}

#[test]
fn what_is_no_store_is_refused() -> Result<(), StoreError> {
    let (mut device, pages) = mapped();
    let none = Store::open(&mut device.window(), pages);
    assert!(matches!(none, Err(StoreError::Driver(Error::NoArena { .. }))), "{none:?}");
    let mut store = Store::create(&mut device.window(), pages, 4)?;
    let long = vec![0; Store::MOST + 1];
    assert_eq!(
        store.put(&mut device.window(), b"key", &long).map_err(|e| e.to_string()),
        Err("value of 65537 bytes: at most 65536".to_owned())
    );
    store.put(&mut device.window(), b"key", b"value")?;
    // A chain that leads nowhere, one that bites its tail, and no store at all.
    let table = store.arena().blocks().next().map_or(Offset(0), |span| span.start);
    for entry in [1 << 60, table.0] {
        for bucket in 0..4 {
            device.window().set(Cell::<u64>::at(table.plus(bucket * 8)?), &entry)?;
        }
        let damaged = store.get(&mut device.window(), b"key");
        assert!(matches!(damaged, Err(StoreError::Damaged(_))), "{damaged:?}");
        assert!(matches!(store.entries(&mut device.window()), Err(StoreError::Damaged(_))));
    }
    let root = store.arena().blocks().nth(1).map_or(Offset(0), |span| span.start);
    device.window().fill(Span::new(root, 8), 0)?;
    assert!(matches!(Store::open(&mut device.window(), pages), Err(StoreError::NoStore(_))));
    Ok(())
}
