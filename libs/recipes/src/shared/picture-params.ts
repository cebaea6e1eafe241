import { z } from 'zod';
import type { Augmentation } from './pictures.js';

const count = (most: number) => z.number().int().min(0).max(most);

/** Parameters of recipes that vary their training pictures. */
export const augmentationParams = (defaults: { readonly crop_padding: number }) => ({
  crop_padding: count(64)
    .default(defaults.crop_padding)
    .describe('Augmentation: black rows and columns added on each side before a random crop'),
  horizontal_flip: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('Augmentation: probability of a mirror image; leave it at 0 for letters and digits'),
  degrees: z.number().min(0).max(180).default(0).describe('Augmentation: largest rotation to either side'),
  scale: z.number().min(0).lt(1).default(0).describe('Augmentation: largest change of size, 0.1 for 90 to 110 percent'),
  cutout: count(256).default(0).describe('Augmentation: side of a random square that is blanked; 0: none'),
});

type AugmentationParams = {
  readonly [K in keyof ReturnType<typeof augmentationParams>]: number;
};

export const augmentationOf = (p: AugmentationParams): Augmentation => ({
  padding: p.crop_padding,
  flip: p.horizontal_flip,
  degrees: p.degrees,
  scale: p.scale,
  cutout: p.cutout,
});
