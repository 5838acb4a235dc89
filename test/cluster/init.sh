# The first process of a cluster, started in new mount, network and PID namespaces. Everything of the cluster runs in
# these, so that killing this one process ends all others, and takes mounts, links, routes and iptables rules along.
# $1: the cluster's state directory; $2: the cache with its programs; $3: the node's address; $4: the range of the
# Services.
set -eu
state=$1 cache=$2 address=$3 services=$4

# Still the old /proc, so this is our pid as the outside sees it.
read -r pid rest </proc/self/stat
echo "$pid" >"$state/init.pid"

# Whoever started us records that pid next. If it died before it could, nobody would ever find us: give up then.
tries=0
until [ -e "$state/init.recorded" ]; do
  tries=$((tries + 1))
  [ "$tries" -le 200 ] || { echo 'nobody recorded this process'; exit 1; }
  sleep 0.05
done

mount -t proc proc /proc
# containerd, CNI and iptables keep sockets, namespaces and locks below /run: each cluster has its own.
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/lock /run/var/upper /run/var/work /run/keep/state /run/keep/cache
# The kubelet and CNI also write to fixed places below /var. The cluster writes to a layer above the machine's, except
# in its own folder and where its programs are.
mount --bind "$state" /run/keep/state
mount --bind "$cache" /run/keep/cache
mount -t overlay -o lowerdir=/var,upperdir=/run/var/upper,workdir=/run/var/work var /var
mount --bind /run/keep/state "$state"
mount --bind /run/keep/cache "$cache"
umount /run/keep/state /run/keep/cache
# Shared among the cluster's own processes (the kubelet's volumes must reach containerd), private towards the outside.
mount --make-rshared /

# The kubelet insists on these and would set them for the whole machine: give it files that already say what it wants.
mkdir /run/sysctl
pin() {
  [ -e "/proc/sys/$1" ] || return 0
  copy=/run/sysctl/$(echo "$1" | tr / .)
  echo "$2" >"$copy"
  mount --bind "$copy" "/proc/sys/$1"
}
pin vm/overcommit_memory 1
pin vm/panic_on_oom 0
pin kernel/panic 10
pin kernel/panic_on_oops 1
pin kernel/keys/root_maxkeys 1000000
pin kernel/keys/root_maxbytes 25000000

ip link set lo up
# There is no way out: what is neither the node's, a Service's nor a Pod's is unreachable, and says so at once. The
# Services' addresses need a route for connections from the node itself, which kube-proxy's rules then redirect.
ip address add "$address/32" dev lo
ip route add "$services" dev lo src "$address"
ip route add unreachable default
# Network sysctls belong to the network namespace, not to the machine.
echo 1 >/proc/sys/net/ipv4/ip_forward

: >"$state/init.ready"
# The first process of a PID namespace inherits orphans: the shell's wait reaps them.
while :; do
  sleep 86400 &
  wait $!
done
