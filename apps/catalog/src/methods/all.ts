import type { catalog } from '@strata/contracts/grpc';
import type { Implementation } from '@strata/service-kit';
import type { Views } from '../views.js';
import { readMethods } from './read.js';

/** The methods of `strata.catalog.v1.CatalogService`. */
export function catalogMethods(views: Views): Implementation<typeof catalog.CatalogServiceService> {
  return { ...readMethods(views) };
}
