// SPDX-License-Identifier: Apache-2.0
// Puts frames through one plane, for fixture_test.py and anybody with a frame and a question.
//
//   packet_runner PLANE OBJECT CONFIG...
//
// PLANE and OBJECT as in plane_by_name.h. Every CONFIG that a command may name.
//
// Commands on standard input, one per line:
//   reset            forget everything
//   publish CONFIG
//   tick N
//   frame HEX        prints `REASON INTERFACE HEX`; INTERFACE `other` if the plane cannot tell which, HEX `-` if
//   nothing
//                    was sent and empty for an empty frame; `refused` if the plane takes no frame that short
//   accounts         prints `accounts exact`, or what does not add up
#include <charconv>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>

#include "accounts.h"
#include "hex_text.h"
#include "packet_plane.h"
#include "plane_by_name.h"

namespace sluice {
namespace {

class Runner {
 public:
  Runner(const std::string& plane, const std::string& object, const std::vector<std::string>& paths) {
    std::vector<PacketSite> all;
    for (const std::string& path : paths) {
      auto site = read_packet_site(path);
      if (!site) throw std::runtime_error(site.error().context);
      all.push_back(*site);
      sites_.emplace(path, std::move(*site));
    }
    plane_ = make_plane(plane, object, sizes_for_all(all, plane_workers(plane).count));
  }

  void command(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    std::string what;
    words >> verb >> what;
    if (verb == "reset") {
      plane_->reset();
    } else if (verb == "publish") {
      if (const Status done = plane_->publish(sites_.at(what)); !done) throw std::runtime_error(done.error().context);
    } else if (verb == "tick") {
      plane_->set_tick(static_cast<std::uint32_t>(std::stoul(what)));
    } else if (verb == "frame") {
      frame(what);
    } else if (verb == "accounts") {
      std::cout << "accounts " << accounts_text(*plane_) << '\n';
    } else {
      throw std::runtime_error("no such command: " + line);
    }
  }

 private:
  void frame(const std::string& hex) {
    const std::vector<std::uint8_t> bytes = from_hex(hex);
    if (bytes.size() < plane_->frame_bytes_min()) {
      std::cout << "refused\n";
      return;
    }
    const PacketVerdict verdict = plane_->run(bytes);
    std::cout << reason_texts()[verdict.reason].name << ' ';
    if (verdict.interface == some_interface)
      std::cout << "other";
    else
      std::cout << verdict.interface;
    std::cout << ' ' << (verdict.sent ? to_hex(verdict.output) : "-") << '\n';
  }

  std::map<std::string, PacketSite> sites_;
  std::unique_ptr<PacketPlane> plane_;
};

}  // namespace
}  // namespace sluice

int main(int count, char** arguments) try {
  if (count < 4) {
    std::cerr << "usage: packet_runner " << sluice::plane_names() << " OBJECT CONFIG...\n";
    return 2;
  }
  std::ios::sync_with_stdio(false);
  sluice::Runner runner(arguments[1], arguments[2], {arguments + 3, arguments + count});
  for (std::string line; std::getline(std::cin, line);) runner.command(line);
  return 0;
} catch (const std::exception& error) {
  std::cerr << "packet_runner: " << error.what() << '\n';
  return 1;
}
