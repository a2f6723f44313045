//! What the README shows but cannot compile by itself is part of an example that is compiled and run.

#[test]
fn the_service_in_the_readme_is_the_examples() {
    let readme = include_str!("../../README.md");
    let shown = readme.split("```rust,ignore\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(shown.lines().count() > 5 && include_str!("../../examples/callback.rs").contains(shown));
}
