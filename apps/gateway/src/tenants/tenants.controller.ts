import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { CreateKey, CreateTenant, KeyView, listOf, ListQuery, TenantView } from '@strata/contracts';
import { RequireOperator } from '../auth/principal.js';
import type { Page } from '../http/paging.js';
import { Id } from '../http/schemas.js';
import { TenantsService } from './tenants.service.js';

@ApiTags('tenants')
@Controller('api/tenants')
@RequireOperator()
export class TenantsController {
  constructor(private readonly tenants: TenantsService) {}

  @Post()
  @ApiOperation({ summary: 'Create a tenant' })
  @ApiResponse({ status: 201, standardSchema: TenantView })
  create(@Body({ schema: CreateTenant }) body: CreateTenant): Promise<TenantView> {
    return this.tenants.create(body);
  }

  @Get()
  @ApiOperation({ summary: 'Tenants, newest first' })
  @ApiResponse({ status: 200, standardSchema: listOf(TenantView) })
  list(@Query({ schema: ListQuery }) query: ListQuery): Promise<Page<TenantView>> {
    return this.tenants.list(query);
  }

  @Get(':id')
  @ApiOperation({ summary: 'One tenant' })
  @ApiResponse({ status: 200, standardSchema: TenantView })
  get(@Param('id', { schema: Id }) id: string): Promise<TenantView> {
    return this.tenants.get(id);
  }

  @Post(':id/keys')
  @ApiOperation({ summary: 'Create an API key for a tenant, the first one for example' })
  @ApiResponse({ status: 201, standardSchema: KeyView })
  createKey(@Param('id', { schema: Id }) id: string, @Body({ schema: CreateKey }) body: CreateKey): Promise<KeyView> {
    return this.tenants.createKey(id, body);
  }
}
