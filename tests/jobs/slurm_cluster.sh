#!/usr/bin/env bash
# A private SLURM of one node on this machine, for a test: no root, no systemd, no cgroups, no accounting.
#
#   slurm_cluster.sh up FOLDER      starts it with all its files in FOLDER; afterwards SLURM_CONF=FOLDER/slurm.conf
#   slurm_cluster.sh down FOLDER    stops the three daemons by their recorded process ids
set -euo pipefail
action=${1:?usage: slurm_cluster.sh up|down FOLDER}
folder=${2:?usage: slurm_cluster.sh up|down FOLDER}
PATH=$PATH:/usr/sbin:/sbin

if [ "$action" = down ]; then
  for daemon in slurmd slurmctld munged; do
    pid=$(cat "$folder/$daemon.pid" 2>/dev/null) || continue
    kill "$pid" 2>/dev/null || continue
    for _ in $(seq 100); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
  done
  exit 0
fi

# munged insists that nobody else can write to the folders above its key and socket.
mkdir -p "$folder"/{state,spool,munge}
chmod 0755 "$folder" "$folder/munge"
chmod 0700 "$folder/state"
(umask 077 && head -c 256 /dev/urandom >"$folder/munge/key")
munged --key-file="$folder/munge/key" --socket="$folder/munge/socket" --seed-file="$folder/munge/seed" \
  --pid-file="$folder/munged.pid" --log-file="$folder/munged.log"

# Ports that nobody listens on now; two clusters may run side by side.
read -r controller_port node_port < <(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in sockets))')
host=$(hostname -s)
user=$(id -un)
cpus=$(env -u OMP_NUM_THREADS nproc) # nproc counts no more than OMP_NUM_THREADS
memory_mb=$(awk '/^MemTotal:/ { print int($2 * 0.9 / 1024) }' /proc/meminfo)

cat >"$folder/slurm.conf" <<END
ClusterName=ntkflow_test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$controller_port
SlurmdPort=$node_port
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
PropagateResourceLimitsExcept=MEMLOCK
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$memory_mb
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
export SLURM_CONF=$folder/slurm.conf
slurmctld -f "$SLURM_CONF"
slurmd -f "$SLURM_CONF"

for _ in $(seq 60); do
  state=$(sinfo --noheader --format=%T 2>/dev/null || true)
  if [ "$state" = idle ]; then
    exit 0
  fi
  sleep 0.5
done
echo "slurm_cluster.sh: the node did not become idle within 30 s; it is '$state'" >&2
tail -n 20 "$folder"/slurm*.log >&2
exit 1
