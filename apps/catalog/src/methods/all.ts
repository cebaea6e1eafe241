import type { catalog } from '@strata/contracts/grpc';
import type { Implementation } from '@strata/service-kit';
import { overlayMethods, type OverlayDeps } from './overlay.js';
import { readMethods } from './read.js';

/** The methods of `strata.catalog.v1.CatalogService`. */
export const catalogMethods = (deps: OverlayDeps): Implementation<typeof catalog.CatalogServiceService> => ({
  ...readMethods(deps.views),
  ...overlayMethods(deps),
});
