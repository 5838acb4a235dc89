import type { Pod } from '../../../kube/objects.ts';

const VOLUME_TYPES = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
];

/**
 * What Pod Security `restricted` would say against a Pod, as pod-security-admission's checks do it
 * (https://kubernetes.io/docs/concepts/security/pod-security-standards/); empty when nothing.
 */
export function restrictedViolations(pod: Pod): string[] {
  const { spec, metadata } = pod;
  const found: string[] = [];
  const check = (holds: boolean, message: string) => {
    if (!holds) found.push(message);
  };
  check(!spec.hostNetwork && !spec.hostPID && !spec.hostIPC, 'host namespaces');
  const annotations = Object.keys(metadata.annotations ?? {});
  check(!annotations.some(key => key.startsWith('container.apparmor.security.beta.kubernetes.io/')), 'AppArmor');
  for (const volume of spec.volumes ?? []) {
    const types = Object.keys(volume).filter(key => key !== 'name');
    check(types.length === 1 && VOLUME_TYPES.includes(types[0]!), `volume ${volume.name} is a ${types.join(', ')}`);
  }
  const context = spec.securityContext ?? {};
  check((context.sysctls ?? []).length === 0, 'sysctls');
  for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
    const own = container.securityContext ?? {};
    const where = `container ${container.name}: `;
    check(own.privileged !== true, `${where}privileged`);
    check(own.allowPrivilegeEscalation === false, `${where}privilege escalation`);
    check(own.capabilities?.drop?.includes('ALL') === true, `${where}capabilities are not dropped`);
    const added = own.capabilities?.add ?? [];
    check(
      added.every(name => name === 'NET_BIND_SERVICE'),
      `${where}adds ${added}`,
    );
    check((own.runAsNonRoot ?? context.runAsNonRoot) === true, `${where}may run as root`);
    check((own.runAsUser ?? context.runAsUser) !== 0, `${where}runs as root`);
    const profile = own.seccompProfile?.type ?? context.seccompProfile?.type;
    check(profile === 'RuntimeDefault' || profile === 'Localhost', `${where}no seccomp profile`);
    check(own.procMount === undefined || own.procMount === 'Default', `${where}procMount`);
    check(
      (container.ports ?? []).every(port => !port.hostPort),
      `${where}host ports`,
    );
  }
  return found;
}

/**
 * What the kubelet makes of `$(NAME)` and `$$` in a command or a variable, as
 * https://github.com/kubernetes/kubernetes/blob/master/third_party/forked/golang/expansion/expand.go does it.
 */
export function expandVariables(text: string, lookUp: (name: string) => string): string {
  let result = '';
  for (let cursor = 0; cursor < text.length; cursor++) {
    const next = text[cursor + 1];
    if (text[cursor] !== '$' || next === undefined) {
      result += text[cursor];
      continue;
    }
    cursor += 1;
    const end = next === '(' ? text.indexOf(')', cursor) : -1;
    if (end !== -1) {
      result += lookUp(text.slice(cursor + 1, end));
      cursor = end;
    } else result += next === '$' ? '$' : `$${next}`;
  }
  return result;
}
