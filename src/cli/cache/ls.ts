import { CLUSTER_OPTIONS, withCluster } from '../cluster.ts';
import { defineCommand } from '../command.ts';
import { EXIT } from '../exit.ts';
import { json } from '../output.ts';
import { entriesTable, entryJson, isThere, sorted } from './entries.ts';
import { readEntries } from './read-entries.ts';

export const lsCommand = defineCommand({
  name: 'ls',
  summary: 'Lists cached repositories, and who uses them',
  description: [
    'Lists the cached copies of repositories in a namespace: which generation is in use, how many commits it holds, how large it is, when its lock was last taken, and which runs read or write it.',
    'All of that stands in Leases: it needs nothing but the right to list those, and disturbs nobody. Whether the files are good is what `tako cache verify` looks at.',
  ],
  options: {
    'all-namespaces': { type: 'boolean', short: 'A', description: 'All namespaces' },
    ...CLUSTER_OPTIONS,
  },
  examples: [
    { command: 'tako cache ls', meaning: "The caches of the context's namespace" },
    { command: 'tako cache ls -A', meaning: 'Of all namespaces' },
    {
      command: "tako cache ls -n team-a -o json | jq '[.entries[].bytes] | add'",
      meaning: 'How much a namespace has cached, in bytes',
    },
  ],
  run: (values, io) =>
    withCluster(values, async ({ client, namespace: own }) => {
      const everywhere = values['all-namespaces'] === true;
      const namespace = everywhere ? undefined : own;
      const entries = await readEntries(client, namespace, io);
      const there = sorted(entries.filter(isThere));
      if (values.output === 'json') {
        io.out(json({ entries: there.map(entryJson) }));
      } else if (there.length === 0) {
        io.err(`Nothing is cached in ${namespace === undefined ? 'any namespace' : `namespace ${namespace}`}.\n`);
      } else {
        io.out(entriesTable(there, io.clock.now(), everywhere));
      }
      return EXIT.ok;
    }),
});
