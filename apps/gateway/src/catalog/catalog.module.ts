import { Module } from '@nestjs/common';
import { CatalogClient } from './catalog.client.js';
import { CatalogController } from './catalog.controller.js';
import { OverlayController } from './overlay.controller.js';

@Module({ controllers: [CatalogController, OverlayController], providers: [CatalogClient] })
export class CatalogModule {}
