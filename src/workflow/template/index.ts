/** The template language of tako.yml: `{{ .inputs.version | default "dev" }}`. Scripts are rendered by `script.ts`. */
export { type CheckOptions, checkTemplate, referencedPaths } from './check.ts';
export type { TemplateError, TemplateProblem } from './errors.ts';
export { ROOTS } from './paths.ts';
export { PIPE_NAMES } from './pipes.ts';
export { type RenderOptions, renderText, renderValue, type TextResult, type ValueResult } from './render.ts';
