//! The enforcer's program.

fn main() -> std::process::ExitCode {
    bwflowd::run::main()
}
