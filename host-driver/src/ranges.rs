//! Sets of pages, as ascending ranges that neither overlap nor touch.

use crate::addr::PageRange;

/// The pages of any of the ranges.
pub(crate) fn union(ranges: impl IntoIterator<Item = PageRange>) -> Vec<PageRange> {
    let mut sorted: Vec<PageRange> = ranges.into_iter().collect();
    sorted.sort();
    let mut set: Vec<PageRange> = Vec::with_capacity(sorted.len());
    for range in sorted {
        match set.last_mut() {
            Some(last) if range.first() <= last.end() => *last = last.up_to(range.end().max(last.end())),
            _ => set.push(range),
        }
    }
    set
}

/// The pages of both sets.
pub(crate) fn common(a: &[PageRange], b: &[PageRange]) -> Vec<PageRange> {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let mut set = Vec::new();
    while let (Some(&&x), Some(&&y)) = (a.peek(), b.peek()) {
        set.extend(PageRange::between(x.first().max(y.first()), x.end().min(y.end())));
        if x.end() < y.end() {
            a.next()
        } else {
            b.next()
        };
    }
    set
}

/// The pages of `a` that are not in `b`.
pub(crate) fn without(a: &[PageRange], b: &[PageRange]) -> Vec<PageRange> {
    let mut set = Vec::new();
    for &range in a {
        let mut first = range.first();
        let behind = b.partition_point(|taken| taken.end() <= first);
        for taken in b[behind..].iter().take_while(|taken| taken.first() < range.end()) {
            set.extend(PageRange::between(first, taken.first()));
            first = taken.end();
        }
        set.extend(PageRange::between(first, range.end()));
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PageIndex;
    use std::collections::BTreeSet;

    /// The set of pages that the bits of a number name.
    fn set(bits: u16) -> Vec<PageRange> {
        union((0..16).filter(|n| bits >> n & 1 == 1).map(|n| PageRange::new(PageIndex(n), 1).unwrap()))
    }

    fn bits(set: &[PageRange]) -> u16 {
        assert!(set.windows(2).all(|w| w[0].end() < w[1].first()), "{set:?} overlaps or touches");
        set.iter().flat_map(|r| r.pages()).fold(0, |bits, page| bits | 1 << page.0)
    }

    #[test]
    fn sets_are_as_those_of_single_pages() {
        // Every shape of four pages against every other, and some of sixteen.
        let few = (0..16).flat_map(|a| (0..16).map(move |b| (a, b)));
        let many = (1..400u16).map(|n| (n.wrapping_mul(40503), n.wrapping_mul(27361).rotate_left(5)));
        for (a, b) in few.chain(many) {
            let (x, y) = (set(a), set(b));
            assert_eq!(bits(&x), a);
            assert_eq!(bits(&union(x.iter().chain(&y).copied())), a | b);
            assert_eq!(common(&x, &y).iter().flat_map(|r| r.pages()).fold(0, |s, p| s | 1u16 << p.0), a & b);
            assert_eq!(
                without(&x, &y).iter().flat_map(|r| r.pages()).fold(0, |s, p| s | 1u16 << p.0),
                a & !b
            );
        }
    }

    #[test]
    fn ranges_that_contain_others_swallow_them() {
        let range = |first, count| PageRange::new(PageIndex(first), count).unwrap();
        assert_eq!(
            union([range(4, 1), range(0, 10), range(10, 2), range(13, 1)]),
            [range(0, 12), range(13, 1)]
        );
        assert_eq!(BTreeSet::from_iter(common(&[range(0, 9)], &[range(1, 2), range(8, 4)])).len(), 2);
    }
}
