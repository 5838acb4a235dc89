/**
 * The program that a step container runs: a POSIX-sh loop that takes orders from the agent over FIFOs.
 * docs/adr/0003-step-protocol.md explains the protocol; messages.ts is the agent's half of its grammar.
 */

/** The version that the loop announces in `hello`. Raised when an order, a report or the directory's layout changes. */
export const PROTOCOL_VERSION = 2;

/** The directory inside the io directory that holds the FIFOs. It appears by a rename, when everything in it is ready. */
export const CHANNEL_DIRECTORY = 'channel';

/**
 * The loop as it is written here, for people. What a Pod carries is {@link STEP_LOOP}.
 *
 * Rules for whoever changes it:
 * - it must run in dash, bash and busybox sh, need no program but `cat` and `sleep`, and work as PID 1;
 * - neither `$$` nor `$(` may appear: Kubernetes expands both in a container's command (hence `${$}`);
 * - a comment has a line of its own, nothing spans lines inside quotes (see {@link compactShell});
 * - its variables start with `tako_`: assigning to a name that the container's environment uses would change what steps see.
 */
const SOURCE = String.raw`
tako_io=$1/${CHANNEL_DIRECTORY}
[ "$2" ] || set -- "$1" /bin/sh
# The shell's PID, in the spelling that Kubernetes leaves alone.
tako_self=${'${$}'}
# A shell that is PID 1 ignores TERM unless it has a handler. When PID 1 ends, the kernel ends every process of the container.
# So it has one while no agent is there, and none while steps may run: a kubelet tells all containers at once, and steps are to
# have their time. It is the agent that ends them, and its end is ours. (Not '': what is ignored, steps would ignore too.)
trap 'exit 143' TERM
# The only poll there is, less and less often: on a full node the agent needs seconds, and each look costs it a process' time.
# Not every sleep takes fractions; without any, end instead of spinning.
tako_nap=.02
until [ -p "$tako_io/control" ]; do
  sleep "$tako_nap" 2>/dev/null || sleep 1 || exit 69
  case $tako_nap in .02) tako_nap=.05 ;; .05) tako_nap=.1 ;; *) tako_nap=.2 ;; esac
done
# Opening a FIFO for reading and writing never blocks, opening one end does until the other is there. So both first, then the
# end that is wanted: if the agent died meanwhile, that shows as end of file instead of a container that hangs.
exec 8<>"$tako_io/control" 7<"$tako_io/control" 8<>"$tako_io/result" 9>"$tako_io/result" 8>&-
# The shell opens the log before it says so: the agent closes it to others right after.
tako_log() {
  exec 8<>"$tako_io/log" 6<"$tako_io/log" 8>&-
  cat <&6 6<&- 7<&- 9>&- &
  tako_cat=$!
  exec 6<&-
}
tako_log
# A session of its own makes the step and its children one group, to be killed as one. Shells start background jobs with INT
# and QUIT ignored, and only GNU env can undo that for the step.
tako_setsid=
command -v setsid >/dev/null 2>&1 && tako_setsid=setsid
tako_env=
env --default-signal=INT,QUIT true >/dev/null 2>&1 && tako_env='env --default-signal=INT,QUIT'
# From here on the container's log is the steps' alone; bash would report killed jobs there.
exec 2>/dev/null
[ "$tako_self" = 1 ] && trap - TERM
echo "hello ${PROTOCOL_VERSION} $tako_self $tako_setsid" >&9
while read -r tako_order tako_1 tako_2 <&7; do
  case $tako_order in
  # run N: a supervisor starts a shell, waits for it, kills what is left of its group and reports the code. The shell reports its
  # PID before it reads the script: so it leads its group by then, and a script cannot be faster than the report. What stands
  # before the script has a file of its own: shells count lines by the file, and a message is to name the script's own line.
  run)
    (
      exec 7<&- 9>"$tako_io/$tako_1.state" || exit
      $tako_setsid $tako_env "$2" -c 'echo "started ${'${$}'}" >&9; exec 9>&-; [ ! -e "${'${0%script}'}prelude" ] || . "${'${0%script}'}prelude"; . "$0"' \
        "$tako_io/$tako_1.script" \
        </dev/null >"$tako_io/$tako_1.stdout" 2>"$tako_io/$tako_1.stderr" &
      tako_pid=$!
      wait "$tako_pid"
      tako_code=$?
      kill -KILL "-$tako_pid"
      echo "exit $tako_code" >&9
    ) &
    eval "tako_run_$tako_1=\$!" ;;
  # kill SIGNAL PID: the group, or the process when it leads none, without setsid.
  kill) kill "-$tako_1" "-$tako_2" || kill "-$tako_1" "$tako_2" ;;
  # drop N: give up a supervisor that does not answer.
  drop) eval "kill -KILL \"\$tako_run_$tako_1\"" ;;
  # reap N: take the exit status of a supervisor that has ended, so that it is no zombie.
  reap) eval "wait \"\$tako_run_$tako_1\"; unset tako_run_$tako_1" ;;
  # ping: whoever asks wants to know whether the container still lives.
  ping) echo pong >&9 ;;
  # log: a step killed cat; start another.
  log)
    tako_log
    echo log >&9 ;;
  # sweep: end every process of the container but this one. Never outside a PID namespace of our own.
  sweep)
    if [ "$tako_self" = 1 ]; then
      kill -KILL -1
      wait
      tako_log
    fi
    echo swept >&9 ;;
  # quit [SECONDS]: the end; seconds keep the container for whoever wants to look into it.
  quit) break ;;
  esac
done
trap 'exit 143' TERM
exec 7<&- 9>&-
# Everything that was logged must be out before PID 1 ends.
wait "$tako_cat"
if [ "$tako_order" = quit ] && [ "$tako_1" ]; then
  sleep "$tako_1" &
  wait "$!"
fi
exit 0
`;

/**
 * Takes comment lines, blank lines and indentation away, so that every Pod carries less. Only for scripts whose comments have
 * lines of their own, without here-documents and without quotes that span lines.
 */
export function compactShell(source: string): string {
  return source
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
    .join('\n');
}

/** The loop as a step container runs it. {@link stepCommand} says how. */
export const STEP_LOOP: string = compactShell(SOURCE);

/**
 * The `command` of a step container.
 *
 * @param directory where the container mounts its io directory, read-only
 */
export function stepCommand(directory: string): string[] {
  return ['/bin/sh', '-c', STEP_LOOP, 'tako-step', directory];
}
