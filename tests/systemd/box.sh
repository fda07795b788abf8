# shellcheck shell=bash disable=SC2016
# A real systemd, booted beside the one of this machine: process 1 of namespaces of its own, over an overlay of /, whose
# upper layer is memory. It needs root, and nothing that is not installed. To be sourced by a script that runs in a mount
# namespace of its own: what is mounted here ends with it.

# box_lacks: why there can be no box here; nothing where there can.
box_lacks() {
    local tool
    [ "$(id -u)" -eq 0 ] || echo "it needs root, for namespaces and mounts"
    [ -x /lib/systemd/systemd ] || echo "systemd is not installed (apt-get install systemd)"
    for tool in unshare nsenter setpriv findmnt pgrep sqlite3; do
        command -v "$tool" >/dev/null || echo "$tool is not installed"
    done
    [ -n "$(findmnt -n -t cgroup2 -o TARGET)" ] || echo "no cgroup2 is mounted"
}

# box_root: makes the root of the box, $BOX, to be furnished before box_boot.
box_root() {
    box_work="$(mktemp -d)"
    mount -t tmpfs -o size=4g tmpfs "$box_work"
    mkdir "$box_work"/{upper,work,root}
    mount -t overlay overlay -o "lowerdir=/,upperdir=$box_work/upper,workdir=$box_work/work" "$box_work/root"
    BOX="$box_work/root"
    # None of this machine's services: what it has enabled is not started.
    rm -rf "$BOX"/etc/systemd/system "$BOX"/etc/systemd/*.conf.d "$BOX"/var/log/journal
    mkdir -p "$BOX"/etc/systemd/system "$BOX"/etc/systemd/journald.conf.d
    printf '[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\n' >"$BOX/etc/systemd/journald.conf.d/box.conf"
    printf '[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n' >"$BOX/etc/systemd/system/box.target"
}

# box_boot: boots it, and waits until it has.
box_boot() {
    local state
    # Process 1 takes the cgroup it finds itself in for the root of all: so it gets one of its own first.
    box_cgroup="$(findmnt -n -t cgroup2 -o TARGET | head -n 1)/box-$$"
    mkdir "$box_cgroup"
    # Whatever ends this script, be it kill -9, ends the box.
    setpriv --pdeathsig KILL bash -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' - "$box_cgroup" \
        unshare --mount --pid --fork --kill-child=KILL --ipc --uts --net --cgroup --propagation private \
        bash -euc "$box_init" - "$BOX" </dev/null >"$box_work/console" 2>&1 &
    box_outside=$!
    for _ in $(seq 200); do
        box_pid="$(pgrep -P "$box_outside" || true)"
        state="$([ -z "$box_pid" ] || box systemctl is-system-running 2>/dev/null || true)"
        case "$state" in running | degraded) return ;; esac
        kill -0 "$box_outside" 2>/dev/null || break
        sleep 0.1
    done
    echo "the box did not boot (${state:-no systemd}):"
    tail -n 20 "$box_work/console"
    return 1
}

# What process 1 of the box does before it becomes systemd. What of the kernel is not a namespace's own is read-only, so
# that no unit of the box turns a knob of this machine.
# shellcheck disable=SC2016 # expanded there
box_init='
cd "$1"
mount --bind . . && cd "$1"
mount -t proc proc proc && mount --bind proc/sys proc/sys && mount -o remount,ro,bind proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do touch dev/$device && mount --bind /dev/$device dev/$device; done
mkdir dev/shm dev/pts && mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx && ln -s /proc/self/fd dev/fd
mkdir -p mnt && pivot_root . mnt && umount -l /mnt
# Else what is mounted for a unit in a namespace, its credentials, does not arrive.
mount --make-rshared /
exec env -i container=box PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=box.target
'

# box COMMAND...: runs a command in it, as root.
box() {
    nsenter -t "$box_pid" -m -p -i -u -n -C -- "$@"
}

# box_as USER COMMAND...: the same as a user.
box_as() {
    local user="$1"
    shift
    box setpriv --reuid="$user" --regid="$user" --init-groups "$@"
}

# box_end: ends it, and leaves nothing behind. To be called once, whatever happened before.
box_end() {
    if [ -n "${box_outside:-}" ]; then
        kill -KILL "$box_outside" 2>/dev/null || true
        wait "$box_outside" 2>/dev/null || true
    fi
    if [ -n "${box_cgroup:-}" ]; then
        # Its processes end with its process 1, a moment later.
        for _ in $(seq 50); do
            find "$box_cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true
            [ -d "$box_cgroup" ] || break
            sleep 0.1
        done
    fi
    if [ -n "${box_work:-}" ]; then
        umount -l "$box_work/root" "$box_work" 2>/dev/null || true
        rmdir "$box_work"
    fi
}
