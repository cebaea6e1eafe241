import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { listOf, manifestOf, QUEUES, RecipeManifest } from '@strata/contracts';
import { getRecipe, recipes } from '@strata/recipes';
import { z } from 'zod';
import type { Page } from '../http/paging.js';

const Word = z.string().regex(/^[a-z0-9-]{1,64}$/, 'lower-case letters, digits and dashes');
const RecipesQuery = z.strictObject({
  queue: z.enum(QUEUES).optional(),
  group: Word.optional().describe('first part of the name, for example data'),
});

/** The recipes that this gateway validates jobs with; the catalog service lists the same ones. */
@ApiTags('recipes')
@Controller('api/recipes')
export class RecipesController {
  private readonly manifests = new Map(recipes.map((r) => [r.name, manifestOf(r)]));

  @Get()
  @ApiOperation({ summary: 'All recipes, with the JSON Schema of their parameters' })
  @ApiResponse({ status: 200, standardSchema: listOf(RecipeManifest) })
  list(@Query({ schema: RecipesQuery }) query: z.output<typeof RecipesQuery>): Page<RecipeManifest> {
    const data = [...this.manifests.values()].filter(
      (m) => (!query.queue || m.queue === query.queue) && (!query.group || m.name.startsWith(`${query.group}/`)),
    );
    return { object: 'list', data, has_more: false, next: null };
  }

  @Get(':group/:name')
  @ApiOperation({ summary: 'One recipe' })
  @ApiResponse({ status: 200, standardSchema: RecipeManifest })
  get(@Param('group', { schema: Word }) group: string, @Param('name', { schema: Word }) name: string): RecipeManifest {
    const full = `${group}/${name}`;
    return this.manifests.get(full) ?? manifestOf(getRecipe(full));
  }
}
