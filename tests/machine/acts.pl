#!/usr/bin/perl
# acts.pl [PATTERN]: tries what a service that was taken over might try, each act in a process of its own, and prints
# a line for each: its name, "yes" or "no", and what the kernel said. In Perl because every Debian has
# it, and by system call numbers because that is what a seccomp filter sees.
use strict;
use warnings;
use Errno qw(EEXIST EBUSY);
use Fcntl;
use POSIX qw(uname);
use Socket;

my %number = (
    x86_64 => {
        mmap => 9, ptrace => 101, syslog => 103, setuid => 105, personality => 135, chroot => 161,
        mount => 165, reboot => 169, sethostname => 170, sched_setscheduler => 144, clock_settime => 227,
        kexec_load => 246, mknodat => 259, unshare => 272, finit_module => 313, bpf => 321,
    },
    aarch64 => {
        mmap => 222, ptrace => 117, syslog => 116, setuid => 146, personality => 92, chroot => 51,
        mount => 40, reboot => 142, sethostname => 161, sched_setscheduler => 119, clock_settime => 112,
        kexec_load => 104, mknodat => 33, unshare => 97, finit_module => 273, bpf => 280,
    },
);
my $machine = (uname())[4];
my $here = $number{$machine} or die "no system call numbers for $machine\n";

# call NAME ARGUMENT...: whether the kernel did it.
sub call {
    my $name = shift;
    return syscall($here->{$name}, @_) != -1;
}

sub writes { my ($path) = @_; sysopen(my $file, $path, O_WRONLY | O_CREAT) or return 0; return 1 }
sub reads { my ($path) = @_; open(my $file, '<', $path) or return 0; return defined(sysread($file, my $byte, 1)) }
sub opens_socket { my ($family, $type, $protocol) = @_; return socket(my $socket, $family, $type, $protocol // 0) }

# Writes what is there already, so that the control changes nothing.
sub rewrites {
    my ($path) = @_;
    open(my $file, '+<', $path) or return 0;
    sysread($file, my $text, 64) or return 0;
    sysseek($file, 0, 0);
    return syswrite($file, $text);
}

sub attaches {
    my ($pid) = @_;
    return call('ptrace', 16, $pid + 0, 0, 0);
}

sub attaches_to_child {
    my $child = fork() // die;
    if (!$child) { sleep 10; exit }
    my $done = attaches($child);
    { local $!; kill 'KILL', $child; }
    return $done;
}

sub loads_module {
    my $release = (uname())[2];
    my ($path) = glob("/lib/modules/$release/kernel/drivers/net/dummy.ko*");
    # Where the modules cannot be seen, the call is made nevertheless: with the wrong kind of file.
    my $file;
    sysopen($file, $path // $^X, O_RDONLY) or sysopen($file, $^X, O_RDONLY) or return 0;
    return call('finit_module', fileno($file), my $none = '', 0) || $! == EEXIST;
}

sub becomes_root_by_a_program {
    if ($> == 0) { ($), $() = ('65534 65534', 65534); ($<, $>) = (65534, 65534) }
    return `/usr/local/lib/suid-id -u` == 0;
}

sub makes_suid_file {
    my $path = "/tmp/suid.$$";
    my $made = writes($path) && chmod 04755, $path;
    { local $!; unlink $path; }
    return $made;
}

sub opens_device_node {
    my $path = "/tmp/node.$$";
    # 1:1 is /dev/mem; making the node is the act.
    my $made = call('mknodat', -100, $path, 020600, 0x101);
    { local $!; unlink $path; }
    return $made;
}

my $now = pack('q2', time, 0);
my $name = (uname())[1];
my $buffer = "\0" x 4096;
my $map = pack('L5 x108', 2, 4, 4, 1, 0); # an array of one number
my @acts = (
    # What a service needs, and what shows that this program works inside it.
    [may_use_unix => sub { opens_socket(AF_UNIX, SOCK_STREAM) }],
    [may_use_netlink => sub { opens_socket(16, SOCK_RAW) }],
    [may_write_state => sub { writes(($ENV{STATE_DIRECTORY} // '/tmp') . '/act') }],
    [use_inet => sub { opens_socket(AF_INET, SOCK_STREAM) }],
    [use_inet6 => sub { opens_socket(AF_INET6, SOCK_DGRAM) }],

    [use_packet => sub { opens_socket(17, SOCK_RAW) }],
    [use_raw => sub { opens_socket(AF_INET, SOCK_RAW, 1) }],
    [write_etc => sub { writes('/etc/act') }],
    [write_usr => sub { writes('/usr/act') }],
    [write_var => sub { writes('/var/lib/act') }],
    [write_config => sub { writes('/etc/bwflow/config.toml') }],
    [write_home => sub { writes('/home/user/act') }],
    [read_home => sub { reads('/home/user/public') }],
    [read_root => sub { reads('/root/public') }],
    [read_ledger_or_claims => sub { reads($ENV{FOREIGN_STATE}) }],
    [see_processes => sub { reads('/proc/1/status') }],
    [write_proc_sys => sub { rewrites('/proc/sys/net/ipv4/ip_forward') }],
    [attach_to_child => \&attaches_to_child],
    [attach_to_process => sub { attaches($ENV{VICTIM}) }],
    [signal_process => sub { kill 0, $ENV{VICTIM} }],
    [unshare_user => sub { call('unshare', 0x10000000) }],
    [unshare_mount => sub { call('unshare', 0x00020000) }],
    [unshare_network => sub { call('unshare', 0x40000000) }],
    [unshare_pid => sub { call('unshare', 0x20000000) }],
    [become_root => sub { call('setuid', 0) }],
    [become_root_by_program => \&becomes_root_by_a_program],
    [make_suid_file => \&makes_suid_file],
    [mount => sub { call('mount', my $from = 'none', my $to = '/tmp', my $type = 'tmpfs', 0, 0) }],
    [chroot => sub { call('chroot', my $to = '/tmp') }],
    [set_host_name => sub { call('sethostname', $name, length $name) }],
    [map_writable_code => sub { call('mmap', 0, 4096, 7, 0x22, -1, 0) }],
    [change_personality => sub { call('personality', 8) }],

    # A container forbids these even to root; a virtual machine does not.
    [kernel_load_module => \&loads_module],
    [kernel_kexec => sub { call('kexec_load', 0, 0, 0, 0) }],
    [kernel_reboot => sub { call('reboot', 0xfee1dead, 672274793, 0, 0) }],
    [kernel_set_clock => sub { call('clock_settime', 0, $now) }],
    [kernel_read_log => sub { call('syslog', 3, $buffer, 4096) }],
    [kernel_bpf => sub { call('bpf', 0, $map, length $map) }],
    [kernel_realtime => sub { call('sched_setscheduler', 0, 1, my $priority = pack('L', 1)) }],
    [kernel_make_device => \&opens_device_node],
    [kernel_read_disk => sub { reads('/dev/vda') }],
);

$| = 1;
for (@acts) {
    my ($act, $try) = @$_;
    next if @ARGV && $act !~ /$ARGV[0]/;
    my $child = fork() // die "fork: $!\n";
    if (!$child) {
        $! = 0;
        my $done = $try->();
        my $said = $! || 'done';
        printf "%s %s %s\n", $act, $done ? 'yes' : 'no', $done ? 'done' : $said;
        exit;
    }
    waitpid $child, 0;
    print "$act no killed by signal ", $? & 127, "\n" if $? & 127;
}
print "end\n";
