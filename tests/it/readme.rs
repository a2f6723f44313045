//! Code in the README that is not compiled is part of an example, which is.

#[test]
fn readme_service_is_part_of_the_example() {
    let readme = include_str!("../../README.md");
    let shown = readme.split("```rust,ignore\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(shown.lines().count() > 5 && include_str!("../../examples/callback.rs").contains(shown));
}
