// SPDX-License-Identifier: Apache-2.0
// Plans and differences as JSON, and back: what the API sends and the command line prints (docs/cli.md). Pure.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <vector>

#include "config_diff.h"
#include "plan_model.h"

namespace sluice {

[[nodiscard]] boost::json::object plan_json(const Plan& plan);
[[nodiscard]] boost::json::array changes_json(const std::vector<ObjectChange>& changes);

// Of what the two above wrote; what is missing or of another kind reads as absent, 0 or "".
[[nodiscard]] Plan plan_of_json(const boost::json::object& object);
[[nodiscard]] std::vector<ObjectChange> changes_of_json(const boost::json::array& array);

}  // namespace sluice
