use crate::Failure; pub struct Plan; pub const FULL: Plan = Plan; pub const SHORT: Plan = Plan; pub async fn run(_: &Plan) -> Result<(), Failure> { Ok(()) }
