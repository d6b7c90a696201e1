// Certificates for tests, made when they are needed: an authority, and what it signs.
#pragma once

#include <memory>
#include <string>

namespace castiel_sync::testing {

struct CertificatePlan {
    std::string alternative_names = "DNS:localhost,IP:127.0.0.1"; // as OpenSSL's configuration writes them
    int first_day = -1;                                           // from today
    int last_day = 1;

    CertificatePlan() = default;
};

struct Certificate {
    std::string certificate; // PEM
    std::string key;         // PEM

    Certificate() = default;
};

class CertificateAuthority {
public:
    CertificateAuthority();
    ~CertificateAuthority();
    CertificateAuthority(const CertificateAuthority&) = delete;
    CertificateAuthority& operator=(const CertificateAuthority&) = delete;

    [[nodiscard]] Certificate sign(const CertificatePlan& plan) const;
    // A file with the authority's own certificate, which is there as long as this.
    [[nodiscard]] const std::string& file() const { return file_; }

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
    std::string file_;
};

} // namespace castiel_sync::testing
