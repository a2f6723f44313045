//! What the README shows but cannot compile by itself is part of an example that is compiled and run.

#[test]
fn readme_service_is_part_of_the_example() {
    let readme = include_str!("../../README.md");
    let shown = readme.split("```rust,ignore\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(shown.lines().count() > 5 && include_str!("../../examples/callback.rs").contains(shown));
}
