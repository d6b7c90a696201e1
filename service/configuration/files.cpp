#include "files.hpp"

#include <array>
#include <fstream>
#include <utility>

namespace castiel_sync::service {

std::optional<std::string> read_text_file(const std::string& name, std::vector<Fault>& faults) {
    constexpr std::size_t max_file_bytes = 4 * 1024 * 1024;
    std::ifstream stream(name, std::ios::binary);
    Place place;
    place.source = name;
    if (!stream) {
        faults.push_back({place, "", "can't be read; does the file exist?"});
        return std::nullopt;
    }
    std::string text;
    for (std::array<char, 16 * 1024> part{}; stream && text.size() <= max_file_bytes;) {
        stream.read(part.data(), part.size());
        text.append(part.data(), static_cast<std::size_t>(stream.gcount()));
    }
    if (stream.bad() || (!stream.eof() && text.size() <= max_file_bytes) || text.size() > max_file_bytes) {
        faults.push_back({place, "", "can't be read as a configuration file of at most 4 MiB"});
        return std::nullopt;
    }
    return text;
}

} // namespace castiel_sync::service
