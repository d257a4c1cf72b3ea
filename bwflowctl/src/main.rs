//! `bwflowctl`: see [`bwflowctl::run`].

fn main() -> std::process::ExitCode {
    bwflowctl::run(std::env::args_os())
}
