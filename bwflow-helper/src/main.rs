//! The accountant's program: everything is in the library.

fn main() -> std::process::ExitCode {
    bwflow_helper::main()
}
