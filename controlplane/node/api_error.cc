// SPDX-License-Identifier: Apache-2.0
#include "api_error.h"

#include <stdexcept>

namespace sluice::node {

std::string_view to_text(ApiCode code) {
  switch (code) {
    case ApiCode::invalid:
      return "invalid";
    case ApiCode::forbidden:
      return "forbidden";
    case ApiCode::not_found:
      return "not_found";
    case ApiCode::conflict:
      return "conflict";
    case ApiCode::guard:
      return "guard";
    case ApiCode::no_leader:
      return "no_leader";
    case ApiCode::timeout:
      return "timeout";
    case ApiCode::overloaded:
      return "overloaded";
    case ApiCode::unsupported:
      return "unsupported";
    case ApiCode::internal:
      break;
  }
  return "internal";
}

void throw_exception_from_error(const ApiError& error, const boost::source_location&) {
  throw std::logic_error(error.message);
}

ApiError api_error_of(const Error& error) {
  ApiCode code = ApiCode::internal;
  if (error.code == ErrorCode::invalid_argument) code = ApiCode::invalid;
  if (error.code == ErrorCode::not_found) code = ApiCode::not_found;
  if (error.code == ErrorCode::conflict) code = ApiCode::conflict;
  if (error.code == ErrorCode::out_of_capacity) code = ApiCode::invalid;
  if (error.code == ErrorCode::unsupported) code = ApiCode::unsupported;
  if (error.code == ErrorCode::permission) code = ApiCode::forbidden;
  return api_error(code, error.context);
}

}  // namespace sluice::node
