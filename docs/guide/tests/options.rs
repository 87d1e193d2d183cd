//! The guide's table of options is the library's own.

use puerta::opt::{NAMED, SocketKind};

#[test]
fn the_guide_lists_every_option_with_its_bounds_as_the_library_has_it() {
    let page = include_str!("../addresses.md");
    let rows: Vec<String> = NAMED
        .iter()
        .map(|named| {
            let kinds: Vec<_> =
                SocketKind::ALL.into_iter().filter(|kind| named.applies_to(*kind)).map(SocketKind::name).collect();
            format!("| `{}` | {} | {} | {} |", named.name, named.value, named.summary, kinds.join(", "))
        })
        .collect();
    let missing: Vec<_> = rows.iter().filter(|row| !page.lines().any(|line| line == row.as_str())).cloned().collect();
    assert!(missing.is_empty(), "rows that docs/guide/addresses.md lacks:\n{}", missing.join("\n"));
}
