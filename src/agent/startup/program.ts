/** What the image keeps compiled: the agent, and its inside for the training of the code cache. */
export { runAgent } from '../agent.ts';
export { main } from '../main.ts';
