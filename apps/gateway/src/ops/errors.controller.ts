import { Controller, Get, Param } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { ERRORS, type ErrorCode, isErrorCode, type Localized, StrataError } from '@strata/kernel';
import { Public } from '../auth/principal.js';

interface ErrorEntry {
  object: 'error';
  code: ErrorCode;
  status: number;
  retryable: boolean;
  title: Localized;
}

const entry = (code: ErrorCode): ErrorEntry => ({
  object: 'error',
  code,
  status: ERRORS[code].httpStatus,
  retryable: ERRORS[code].retryable,
  title: ERRORS[code].title,
});

/** What the `type` of a problem points to. */
@ApiTags('errors')
@Controller('api/errors')
@Public()
export class ErrorsController {
  @Get()
  @ApiOperation({ summary: 'All error codes' })
  list(): { object: 'list'; data: ErrorEntry[]; has_more: false; next: null } {
    return { object: 'list', data: (Object.keys(ERRORS) as ErrorCode[]).map(entry), has_more: false, next: null };
  }

  @Get(':code')
  @ApiOperation({ summary: 'One error code' })
  get(@Param('code') code: string): ErrorEntry {
    if (!isErrorCode(code))
      throw new StrataError('not_found', `there is no error code "${code.slice(0, 64)}": GET /api/errors lists them`);
    return entry(code);
  }
}
