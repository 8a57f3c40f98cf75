#!/usr/bin/env bash
# Plays two machines on this one: `one`, which runs the command, and `two`, at
# the other end of a link. Each has a host name, a network and addresses of its
# own, which nobody else can reach. Both have the files of this machine. With
# real machines, leave out this script and keep the command:
#
#   scripts/machines.sh mpirun -n 4 target/release/matrix-mpi --quick
#
# The pool does the jobs on its stdin, one per command line, on both:
#
#   scripts/machines.sh pool <jobs
#
# A command that runs on machine one can also use these:
#
#   scripts/machines.sh ssh MACHINE COMMAND    does what ssh does
#   scripts/machines.sh cut                    pulls the cable of the link
#   scripts/machines.sh kill                   pulls the plug of machine two
#
# There is nothing to clean up: a machine is a process in its own namespaces.
# When it ends, however that happens, all that belongs to it is gone.
set -euo pipefail
script=$(readlink -f -- "$0")

# The folder for what must not outlive a machine.
private=/run

main() {
    case ${1-} in
        plug_in_one | plug_in_two) "$@" ;;
        pool) if [ -e "$private/two.pid" ]; then pool; else start "$@"; fi ;;
        ssh) enter "${@:2}" ;;
        cut) touch "$private/cut" && enter two ip link set eth0 down ;;
        kill) kill -KILL "$(<"$private/two.plug")" ;;
        '' | -h | --help) sed -n '2,/^set/ s/^# \{0,1\}//p' "$script" ;;
        *) start "$@" ;;
    esac
}

# Runs machine one until its command ends. If this script ends earlier, it ends
# the machine; if this script is killed, the kernel does.
start() {
    need unshare util-linux
    need setpriv util-linux
    need ip iproute2
    local status=0
    local machine=(unshare --mount --net --uts --ipc --pid --kill-child)
    [ "$(id -u)" = 0 ] || machine+=(--map-root-user)
    "${machine[@]}" true 2>/dev/null || refuse
    setpriv --pdeathsig KILL "${machine[@]}" "$script" plug_in_one "$@" <&0 &
    trap "kill -KILL $! 2>/dev/null || true" EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    wait $! || status=$?
    trap - EXIT
    exit "$status"
}

refuse() {
    echo "Playing two machines needs root, or user namespaces." >&2
    echo "Without either, use one machine:" >&2
    echo "    mpirun -n 2 --oversubscribe target/release/matrix-mpi" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null && return
    echo "$1 is missing: on Debian: apt-get install $2" >&2
    exit 1
}

# The first process of machine one. When it ends, the kernel ends all others,
# and so machine two.
plug_in_one() {
    local two status=0
    hostname one
    hide
    mkfifo "$private/two"
    unshare --mount --net --uts --ipc --pid --kill-child \
        "$script" plug_in_two &
    echo $! >"$private/two.plug"
    read -r two <"$private/two"
    echo "$two" >"$private/two.pid"
    connect "$two"
    describe
    "$@" || status=$?
    exit "$status"
}

# Mounts what only this machine sees, and what is gone with it.
hide() {
    mount -t tmpfs tmpfs "$private"
    mount -t tmpfs tmpfs /dev/shm
    mount -t proc proc /proc
    mkdir "$private/tmp" "$private/parallel"
    printf '127.0.0.1 localhost\n10.0.0.1 one\n10.0.0.2 two\n' >"$private/hosts"
    mount --bind "$private/hosts" /etc/hosts
    export TMPDIR=$private/tmp PARALLEL_HOME=$private/parallel
}

# While /proc is still that of machine one, it shows the id by which machine one
# knows this process.
plug_in_two() {
    local number
    hostname two
    read -r number _ </proc/self/stat
    mount -t proc proc /proc
    echo "$number" >"$private/two"
    # A first process must reap orphans. A shell that waits does.
    sleep infinity &
    wait
}

connect() {
    ip link set lo up
    ip link add eth0 type veth peer name eth0 netns "$1"
    ip address add 10.0.0.1/30 dev eth0
    ip link set eth0 up
    enter two "ip link set lo up && ip address add 10.0.0.2/30 dev eth0 &&
        ip link set eth0 up"
    # Data that nobody acknowledges is given up after 6 s. By default, it is a
    # quarter of an hour.
    local retries=/proc/sys/net/ipv4/tcp_retries2
    echo 4 >"$retries"
    enter two "echo 4 >$retries"
}

# Tells Open MPI about the two machines. With real ones, most of this is in a
# hostfile, or comes from Slurm.
describe() {
    printf 'one slots=1\ntwo slots=1\n' >"$private/hostfile"
    export OMPI_MCA_orte_default_hostfile=$private/hostfile
    export OMPI_MCA_plm_rsh_agent="$script ssh"
    export OMPI_MCA_rmaps_base_mapping_policy=node:OVERSUBSCRIBE
    # Each machine would bind its ranks to the same cores.
    export OMPI_MCA_hwloc_base_binding_policy=none
    export OMPI_MCA_mpi_yield_when_idle=1
    # A link counts as cut after 2 s of silence and 3 unanswered probes.
    export OMPI_MCA_oob_tcp_keepalive_time=2
    export OMPI_MCA_oob_tcp_keepalive_intvl=1
    export OMPI_MCA_oob_tcp_keepalive_probes=3
    # When a rank has died, the others have nothing left to save.
    export OMPI_MCA_odls_base_sigkill_timeout=0
    # It refuses to run as root, who owns nothing but the machines here.
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
}

# Enters a machine, as ssh would: the words are one command line for the shell
# there, and status 255 means that there was no way in.
enter() {
    local machine=$1 two is_cut='' status=0
    shift
    # A login has a SHELL. Without one, GNU parallel silently runs nothing.
    export SHELL=/bin/sh
    [ "${1-}" != -- ] || shift
    [ "$machine" != one ] || exec sh -c "$*"
    [ ! -e "$private/cut" ] || is_cut=yes
    read -r two <"$private/two.pid"
    if ! [ -e "/proc/$two/ns/net" ]; then
        echo "$machine does not answer" >&2
        return 255
    fi
    nsenter --target "$two" --mount --net --uts --ipc --pid -- \
        sh -c "$*" || status=$?
    # As with ssh, nobody hears how a command ends after the cable is cut.
    [ -n "$is_cut" ] || while [ -e "$private/cut" ]; do sleep 1; done
    return "$status"
}

# GNU parallel is the supervisor: it kills a job at its deadline, and tries one
# that has failed again on the other machine, three attempts in all. A machine
# that is gone fails every job that it is given.
pool() {
    need parallel parallel
    local home
    home=$(mktemp -d)
    parallel --ssh "$script ssh" --sshlogin 1/one,1/two --workdir . \
        --retries 3 --timeout 10 --joblog "$home/log" \
        --results "$home/{#}" >/dev/null 2>"$home/errors" || true
    collect "$home"
}

# The log has one line per job, written after its last attempt, so each result
# is collected once, by the number of its job.
collect() {
    local id host status signal command failed=0
    while IFS=$'\t' read -r id host _ _ _ _ status signal command; do
        if [ "$status,$signal" = 0,0 ]; then
            printf '%s\t%s\t%s\n' "$id" "$host" "$(<"$1/$id")"
        else
            echo "job $id has no result after 3 attempts: $command" >&2
            failed=1
        fi
    done < <(tail -n +2 "$1/log" | sort -n)
    return "$failed"
}

main "$@"
