import fc from 'fast-check';

/**
 * A run that measures coverage draws the same cases each time: else what a property happens to reach would move the coverage of small
 * functions by more than the mark allows. Runs of a part of the tests (`npm run test:unit`) draw new ones.
 */
if (process.env.TAKO_PROPERTY_SEED !== undefined) fc.configureGlobal({ seed: Number(process.env.TAKO_PROPERTY_SEED) });
