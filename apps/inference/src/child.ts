import { getRecipe } from '@strata/recipes';
import { runChild } from '@strata/service-kit/child';

runChild({ getRecipe, listDevices: async () => (await import('@strata/runtime')).listDevices() });
