#include "sealing_key.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

namespace castiel_sync::service {
namespace {

Error fault(const std::string& file, const std::string& what) {
    return {ErrorCode::invalid_configuration,
            "the key file " + file + " " + what + "; or set webhooks.sealing_key to a key of your own"};
}

// Answers false where there is one already.
Result<bool> write_new(const std::string& file, const std::string& text) {
    // Under another name first: whoever reads meanwhile finds a whole key or none.
    std::string partial = file + ".XXXXXX";
    const int descriptor = ::mkostemp(partial.data(), O_CLOEXEC); // readable by this user alone
    if (descriptor < 0) return fault(file, std::string("can't be written: ") + std::strerror(errno));
    const bool written = ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                         ::fsync(descriptor) == 0;
    const int why = errno;
    ::close(descriptor);
    const bool linked = written && ::link(partial.c_str(), file.c_str()) == 0;
    const int why_not = written ? errno : why;
    ::unlink(partial.c_str());
    if (linked) {
        // The store that needs it must not outlive it in a power loss.
        const std::string folder = std::filesystem::path(file).parent_path().string();
        const int opened = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const bool durable = opened >= 0 && ::fsync(opened) == 0;
        if (opened >= 0) ::close(opened);
        if (!durable) return fault(file, std::string("can't be made durable: ") + std::strerror(errno));
        return true;
    }
    if (written && why_not == EEXIST) return false;
    return fault(file, std::string("can't be written: ") + std::strerror(why_not));
}

} // namespace

Result<Sealer> make_sealer(const Configuration& configuration, Random& random, bool lasts) {
    if (!configuration.sealing_keys.empty()) return Sealer::make(configuration.sealing_keys);
    if (!lasts) return Sealer::make({Sealer::make_key(random)});
    const std::string file = configuration.storage_path + ".key";
    std::ifstream present(file);
    if (!present) {
        auto made = write_new(file, Sealer::make_key(random) + "\n");
        if (!made) return made.error();
        present = std::ifstream(file);
    }
    std::string key;
    if (!std::getline(present, key)) return fault(file, "can't be read");
    auto sealer = Sealer::make({key});
    if (!sealer) return fault(file, "holds no key");
    return sealer;
}

} // namespace castiel_sync::service
