#!/usr/bin/env node
// What `npx tako` starts. In a checkout Node.js runs the source as it is; below node_modules, where it strips no types, there is only the
// bundle that build.mjs makes. Plain JavaScript of an old kind, so that an old Node.js gets as far as the message.
const OLDEST = 24;

if (Number(process.versions.node.split('.')[0]) < OLDEST) {
  console.error(
    `tako needs Node.js ${OLDEST} or newer, this is ${process.version}. In a checkout \`npm ci\` brings one.`,
  );
  process.exit(1);
}
const installed = import.meta.url.includes('/node_modules/');
await import(installed ? '../../dist/tako.mjs' : './main.ts');
