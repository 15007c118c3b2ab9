// SPDX-License-Identifier: Apache-2.0
#include "control_client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "errno_error.h"
#include "unique_fd.h"

namespace sluice {

Result<std::string> ask_control_socket(const std::string& path, const std::string& line, std::chrono::seconds limit) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return make_error(ErrorCode::invalid_argument, "control socket path is too long: " + path);
  std::memcpy(address.sun_path, path.data(), path.size());
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval time_limit{limit.count(), 0};
  if (!fd.is_open() || setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &time_limit, sizeof time_limit) != 0 ||
      connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return errno_error("no plane answers at " + path, errno);
  const std::string request = line + '\n';
  if (send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
    return errno_error("cannot ask the plane at " + path, errno);
  std::string answer;
  std::array<char, 4096> buffer;
  while (answer.find('\n') == std::string::npos) {
    const ssize_t count = recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (count == 0) return make_error(ErrorCode::io, "the plane at " + path + " closed the connection");
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error("no answer from the plane at " + path, errno);
    answer.append(buffer.data(), static_cast<std::size_t>(count));
  }
  answer.resize(answer.find('\n'));
  return answer;
}

}  // namespace sluice
