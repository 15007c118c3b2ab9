// SPDX-License-Identifier: Apache-2.0
// The two forms of an answer: {"ok":true, ...} and {"ok":false,"error":...,"exit_code":...}.
#pragma once

#include <boost/json/object.hpp>

#include "error.h"

namespace sluice {

[[nodiscard]] boost::json::object accepted(boost::json::object members);
[[nodiscard]] boost::json::object accepted(Result<boost::json::object> members);
[[nodiscard]] boost::json::object refused(const Error& error);

}  // namespace sluice
