import { Module } from '@nestjs/common';
import { RecipesController } from './recipes.controller.js';

@Module({ controllers: [RecipesController] })
export class RecipesModule {}
