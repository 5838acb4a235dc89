/** The template language of tako.yml: `{{ .inputs.version | default "dev" }}`. Scripts are rendered by `script.ts`. */
export { checkTemplate, referencedPaths } from './check.ts';
export { renderText, renderValue } from './render.ts';
