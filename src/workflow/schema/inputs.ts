import type * as z from 'zod';
import { list, section } from './collections.ts';
import { choice, flag, number, text } from './fields.ts';

/** A plain value of an input, still as text: its type is known once the whole input is read. */
const inputText = () => text({ mayBeEmpty: true });

export const inputSchema = section({
  type: choice('string', 'number', 'boolean').default('string'),
  description: text({ mayBeEmpty: true }).optional(),
  required: flag().default(false),
  default: inputText().optional(),
  validation: section({
    enum: list(inputText()).optional(),
    min: number().optional(),
    max: number().optional(),
  }).optional(),
});

export type InputSection = z.output<typeof inputSchema>;
